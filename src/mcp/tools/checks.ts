import { z } from 'zod';
import { Requests, Secret } from '../../client/library.ts';
import { allowSecret, openSandbox } from '../allowed.ts';
import { secretName } from '../fields.ts';
import { tool } from '../tool.ts';
import type { RegisteredTool } from '../tool.ts';

const explain = tool({
  name: 'explain',
  title: 'Explain a request',
  description:
    'Why a request of network_log was swapped, passed on or refused: which stand-in was where, which rule decided, what to change.',
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: z.object({ request_id: z.int().min(1).describe('The id of a row of kind request in network_log') }),
  output: z.object({
    host: z.string(),
    method: z.string().optional(),
    path: z.string().optional(),
    status: z.int().optional(),
    verdict: z.enum(['allowed', 'blocked', 'failed']),
    text: z.array(z.string()).describe('What happened, in sentences'),
    stand_ins: z.array(
      z.object({
        env_key: z.string().optional(),
        secret_name: z.string().optional(),
        slot: z.string(),
        swapped: z.boolean(),
      }),
    ),
    rule: z.string().optional().describe('The network rule that decided'),
    steps: z.array(z.object({ name: z.string(), ms: z.number() })),
    refused: z.object({ code: z.string(), cause: z.string(), cure: z.string() }).optional(),
  }),
  async run({ request_id: id }, call) {
    const { request, text, standIns, network, steps, refused } = await Requests.explain(id, call.server);
    // Also for a sandbox that is gone: what it was bound to can no longer be asked.
    if (call.secrets !== undefined) await openSandbox(request.sandboxId, call);
    return {
      host: request.host,
      method: request.method,
      path: request.path,
      status: request.status,
      verdict: request.verdict,
      text,
      stand_ins: standIns.map(({ envKey, secretName: name, slot, swapped }) => ({
        env_key: envKey,
        secret_name: name,
        slot,
        swapped,
      })),
      rule: network?.rule,
      steps,
      refused,
    };
  },
  text: ({ text, refused }) => [...text, ...(refused === undefined ? [] : [`To do: ${refused.cure}`])].join('\n'),
});

const test = tool({
  name: 'secret_test',
  title: 'Does a key work?',
  description:
    'Makes one harmless call with a secret and says whether the key works, with the status and never the key. Custom secrets need `url`.',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  input: z.object({
    secret_name: secretName,
    url: z
      .string()
      .max(2048)
      .optional()
      .describe('At one of the hosts of the secret, where its provider has no known check'),
  }),
  output: z.object({
    works: z.enum(['yes', 'no', 'unknown']),
    status: z.int().optional(),
    method: z.string(),
    host: z.string(),
    path: z.string(),
    explanation: z.string(),
  }),
  async run({ secret_name: name, url }, call) {
    allowSecret(name, call);
    const secret = await Secret.get(name, call.server);
    const { works, status, method, host, path, explanation } = await secret.test({
      signal: call.signal,
      ...(url !== undefined && { url }),
    });
    return { works: answers[`${works}`], status, method, host, path, explanation };
  },
});

const answers = { true: 'yes', false: 'no', unknown: 'unknown' } as const;

export const checkTools: readonly RegisteredTool[] = [explain, test];
