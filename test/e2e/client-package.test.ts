import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { addNodeTypes, compiler, done, packClient } from '../support/packed-client.ts';
import type { PackedClient } from '../support/packed-client.ts';
import { runProgram, skipWithout } from '../support/processes.ts';
import { startSdkRig } from '../support/sdk-rig.ts';
import type { SdkRig } from '../support/sdk-rig.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const document = readFileSync(join(root, 'docs/client.md'), 'utf8');
const nodeFile = (name: string) => join(root, 'node_modules/.cache/standin/older-nodes/node_modules', name, 'bin/node');
const nodes = { 'Node 20': nodeFile('node20'), 'Node 22': nodeFile('node22'), 'our Node': process.execPath };
const realValue = 'real-crm-value-9f2c';

const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--skipLibCheck', 'false'];
const forNode = ['--module', 'nodenext', '--target', 'es2022', '--lib', 'esnext', '--types', 'node', '--noEmitOnError'];
const forPage = ['--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'esnext,dom,dom.iterable', '--noEmit'];

/** The examples of docs/client.md, from top to bottom, as one program; the document says that they are one. */
function exampleProgram(): string {
  const blocks = [...document.matchAll(/^```ts\n([^]*?)^```/gm)].map(([, code = '']) => code);
  assert.ok(blocks.length > 20, 'the examples were found');
  const imports = blocks.flatMap((code) => [...code.matchAll(/^import .*;$/gm)].map(([line]) => line));
  const rest = blocks.map((code) => code.replaceAll(/^import .*;\n/gm, ''));
  return [...imports, ...rest, "console.log('all of it ran');"].join('\n');
}

describe('the packed client', { skip: skipWithout('bwrap', 'curl', 'npm') }, () => {
  let packed: PackedClient;
  let rig: SdkRig;

  before(async () => {
    packed = await packClient();
    addNodeTypes(packed);
    rig = await startSdkRig();
    writeFileSync(join(packed.path, 'examples.ts'), exampleProgram());
    await done(compiler, [...strict, ...forNode, '--outDir', 'out', 'examples.ts'], packed.path);
  });

  after(async () => {
    await rig?.stop();
    packed?.remove();
  });

  for (const [name, file] of Object.entries(nodes)) {
    it(
      `${name} runs every example of the document`,
      { skip: existsSync(file) ? false : `${name} not installed` },
      async () => {
        const earlier = rig.upstream.requests.length;
        const env = { STANDIN_URL: rig.server.url, STANDIN_API_KEY: rig.server.apiKey, CRM_KEY: realValue };
        const result = await runProgram(file, ['out/examples.js'], { cwd: packed.path, env });
        assert.equal(result.code, 0, result.stdout + result.stderr);
        assert.match(result.stdout, /all of it ran/);
        // From the first example's sandbox, by `crm.test` and by `sandbox.fetch`.
        const seen = rig.upstream.requests.slice(earlier).map(({ head }) => head);
        assert.equal(seen.length, 3);
        assert.equal(rig.upstream.receivedText().split(`Bearer ${realValue}`).length - 1, earlier + 3);
        assert.ok(!(result.stdout + result.stderr).includes(realValue));
        assert.deepEqual([await rig.server.client.secrets.list(), await rig.server.client.sandboxes.list()], [[], []]);
      },
    );
  }

  it('runs the example of the README', async () => {
    const [, code = ''] = /^```ts\n([^]*?)^```/m.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? [];
    assert.match(code, /Sandbox\.create/);
    writeFileSync(join(packed.path, 'readme.ts'), code);
    await done(compiler, [...strict, ...forNode, '--outDir', 'out', 'readme.ts'], packed.path);
    await rig.server.client.secrets.create({ name: 'anthropic-prod', value: 'x', provider: 'anthropic' });
    const env = { STANDIN_URL: rig.server.url, STANDIN_API_KEY: rig.server.apiKey };
    const result = await runProgram(process.execPath, ['out/readme.js'], { cwd: packed.path, env });
    assert.match(result.stdout, /type: 'exit'/, result.stderr);
  });

  it('has types for a bundler too, in a page without the types of Node', async () => {
    writeFileSync(
      join(packed.path, 'page.ts'),
      `import { Sandbox, Secret, NotFoundError, type SandboxInfo, type CommandEvent } from 'standin/client';
      export async function show(signal: AbortSignal): Promise<SandboxInfo[]> {
        const sandbox = await Sandbox.connect('id', { apiKey: 'key', signal });
        const events: CommandEvent[] = [];
        for await (const event of sandbox.commands.stream('true')) events.push(event);
        const stream: ReadableStream<Uint8Array> = await sandbox.files.readStream('/tmp/x');
        await sandbox.files.write('/tmp/y', stream);
        // @ts-expect-error: no answer has a value
        console.log((await Secret.get('x')).value);
        // @ts-expect-error: a sandbox has a name
        await Sandbox.create({});
        return Sandbox.list().catch((error: unknown) => (error instanceof NotFoundError ? [] : Promise.reject(error)));
      }\n`,
    );
    await done(compiler, [...strict, ...forPage, '--types', '', 'page.ts'], packed.path);
  });

  it('exports the client and nothing of the server', async () => {
    const program = `
      for (const path of ['standin', 'standin/dist/server.js', 'standin/dist/client/client.js']) {
        await import(path).then(() => { throw new Error(path); }, (error) => {
          if (error.code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') throw error;
        });
      }
      await import('standin/package.json', { with: { type: 'json' } });
      await import('standin/openapi.json', { with: { type: 'json' } });
      console.log(Object.keys(await import('standin/client')).toSorted().join(' '));`;
    const names = await done(process.execPath, ['--input-type=module', '-e', program], packed.path);
    for (const name of ['Provider', 'Sandbox', 'SandboxError', 'Secret', 'StandinError', 'previewUrl']) {
      assert.ok(names.split(/\s/).includes(name), `${name}: ${names}`);
    }
  });

  it('loads nothing of Node but where it is called for', async () => {
    const hook = `
      import { registerHooks } from 'node:module';
      registerHooks({ resolve(name, context, next) {
        if (/^node:|^(ws|undici)$/.test(name)) throw new Error('loads ' + name);
        return next(name, context);
      } });
      await import('standin/client');`;
    await done(process.execPath, ['--input-type=module', '-e', hook], packed.path);
  });
});
