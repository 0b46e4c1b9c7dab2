import { z } from 'zod';
import { NotFoundError, Sandbox } from '../../client/library.ts';
import type { SandboxInfo } from '../../client/library.ts';
import { allowSecret, mayUse, openSandbox } from '../allowed.ts';
import { envKey, sandboxId, sandboxOutput, secretName } from '../fields.ts';
import { tool } from '../tool.ts';
import type { RegisteredTool } from '../tool.ts';

/** An agent that forgets its sandbox leaves none for longer. */
const defaultTimeoutSeconds = 3600;
const defaultAutoDeleteSeconds = 86_400;

const create = tool({
  name: 'sandbox_create',
  title: 'Make a sandbox',
  description:
    'Makes an isolated Linux sandbox. `secrets` binds secrets to variables: programs in it see a stand-in, a worthless token, ' +
    'which the proxy swaps for the real value in requests to the hosts of the secret alone.',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input: z.object({
    name: z.string().min(1).max(64).describe('For people; need not be the only one'),
    secrets: z.record(envKey, secretName).optional().describe('Variable → name of a secret; never a value'),
    allow_out: z.array(z.string()).max(256).optional().describe('Domains, *.domains and CIDRs it may reach'),
    deny_out: z.array(z.string()).max(256).optional().describe('CIDRs it may not reach; 0.0.0.0/0 with ::/0 for all'),
    template: z.string().max(128).optional().describe('A template that the operator registered'),
    timeout_seconds: z
      .int()
      .min(1)
      .max(604_800)
      .default(defaultTimeoutSeconds)
      .describe('Paused after so long; exec resumes it'),
    auto_delete_seconds: z
      .int()
      .min(0)
      .max(2_592_000)
      .default(defaultAutoDeleteSeconds)
      .describe('Deleted after so long paused'),
  }),
  output: sandboxOutput,
  async run({ name, secrets, allow_out: allowOut, deny_out: denyOut, template, ...times }, call) {
    for (const each of Object.values(secrets ?? {})) allowSecret(each, call);
    const rules = { ...(allowOut && { allowOut }), ...(denyOut && { denyOut }) };
    const sandbox = await Sandbox.create({
      ...call.server,
      name,
      metadata: { made_by: 'standin mcp' },
      timeoutSeconds: times.timeout_seconds,
      autoDeleteSeconds: times.auto_delete_seconds,
      ...(secrets && { secrets }),
      ...(Object.keys(rules).length > 0 && { network: rules }),
      ...(template !== undefined && { fromTemplate: template }),
    });
    return outputOf(await sandbox.getInfo());
  },
});

const list = tool({
  name: 'sandbox_list',
  title: 'List sandboxes',
  description: 'The sandboxes of the team, newest first.',
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: z.object({
    status: z.enum(['active', 'paused', 'resuming', 'failed']).optional(),
    limit: z.int().min(1).max(200).default(50),
    offset: z.int().min(0).default(0),
  }),
  output: z.object({ sandboxes: z.array(sandboxOutput) }),
  async run({ status, limit, offset }, { server, ...settings }) {
    const found = await Sandbox.list({ ...server, limit, offset, ...(status && { status }) });
    return { sandboxes: found.filter((each) => mayUse(each, settings)).map(outputOf) };
  },
});

const get = tool({
  name: 'sandbox_get',
  title: 'Look at a sandbox',
  description: 'One sandbox: its status, the secrets bound to it by name, its network rules.',
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: z.object({ sandbox_id: sandboxId }),
  output: sandboxOutput,
  async run({ sandbox_id: id }, call) {
    return outputOf(await (await openSandbox(id, call)).getInfo());
  },
});

const remove = tool({
  name: 'sandbox_delete',
  title: 'Delete a sandbox',
  description: 'Ends a sandbox with all its processes and files. One that is gone already is no error.',
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  input: z.object({ sandbox_id: sandboxId }),
  output: z.object({ id: z.string(), deleted: z.boolean() }),
  async run({ sandbox_id: id }, call) {
    try {
      await (await openSandbox(id, call)).kill();
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
    return { id, deleted: true };
  },
});

const pause = tool({
  name: 'sandbox_pause',
  title: 'Pause a sandbox',
  description: 'Freezes every process of a sandbox; nothing is lost.',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.object({ sandbox_id: sandboxId }),
  output: sandboxOutput,
  async run({ sandbox_id: id }, call) {
    const sandbox = await openSandbox(id, call);
    if (sandbox.status !== 'paused') await sandbox.pause();
    return outputOf(await sandbox.getInfo());
  },
});

const resume = tool({
  name: 'sandbox_resume',
  title: 'Resume a sandbox',
  description: 'Lets a paused sandbox go on. exec and the file tools do so by themselves.',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.object({ sandbox_id: sandboxId }),
  output: sandboxOutput,
  async run({ sandbox_id: id }, call) {
    const sandbox = await openSandbox(id, call);
    if (sandbox.status === 'paused') await sandbox.resume();
    return outputOf(await sandbox.getInfo());
  },
});

export const sandboxTools: readonly RegisteredTool[] = [create, list, get, remove, pause, resume];

function outputOf(info: SandboxInfo): z.input<typeof sandboxOutput> {
  const { allowOut, denyOut } = info.network ?? {};
  return {
    id: info.id,
    name: info.name,
    status: info.status,
    driver: info.driver,
    created_at: info.createdAt.toISOString(),
    secrets: info.secrets.map(({ envKey: key, secretName: secret, revoked }) => ({
      env_key: key,
      secret_name: secret,
      revoked,
    })),
    allow_out: allowOut,
    deny_out: denyOut,
    timeout_seconds: info.timeoutSeconds,
    auto_delete_seconds: info.autoDeleteSeconds,
    metadata: info.metadata,
  };
}
