import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import type { Browser, Route } from 'playwright-core';
import { build as bundle } from 'vite';
import { build } from '../support/packed-client.ts';
import { skipWithout } from '../support/processes.ts';
import { startSdkRig, upstreamHost } from '../support/sdk-rig.ts';
import type { SdkRig } from '../support/sdk-rig.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const zod = fileURLToPath(new URL('../../node_modules/zod', import.meta.url));

/** As docs/client.md has it for a page without a bundler. */
const html = `<!doctype html>
<script type="importmap">
  { "imports": { "standin/client": "/page/dist/client/library.js", "zod": "/page/zod/index.js" } }
</script>`;

/** Runs in the page, and answers what it saw. */
const program = `
import { NotFoundError, Provider, Sandbox, Secret, StandinError } from 'standin/client';
export async function main(apiKey) {
  const options = { apiKey };
  const seen = {};
  seen.providers = (await Provider.list(options)).length;
  await Secret.create({ ...options, name: 'page', value: 'real-page-value', auth: { type: 'bearer' }, hosts: ['${upstreamHost}'] });
  const sandbox = await Sandbox.create({ ...options, name: 'page', secrets: { TOKEN: 'page' } });
  seen.run = await sandbox.commands.run('curl -sS https://${upstreamHost}/ -H "Authorization: Bearer $TOKEN"');
  seen.stream = [];
  for await (const event of sandbox.commands.stream('echo out; echo err >&2; exit 3')) {
    seen.stream.push(event.type === 'exit' ? event.exitCode : event.data);
  }
  const session = await sandbox.commands.spawn('cat; exit 5');
  session.stdin.write('hé\\n');
  session.stdin.close();
  seen.spawn = await session.wait();
  await sandbox.files.write('/tmp/page', new Blob(['from a page']));
  seen.file = await sandbox.files.readText('/tmp/page');
  await sandbox.pause();
  seen.awake = (await sandbox.commands.run('echo awake')).stdout;
  const other = await sandbox.commands.spawn('cat');
  await other.close();
  seen.closed = await other.wait().catch((error) => error.name);
  seen.missing = await Secret.get('nobody', options).catch((error) => error instanceof NotFoundError && error.code);
  seen.fetch = await sandbox.rotateEgressToken().then(() => sandbox.fetch('https://x.example/')).catch((error) => error.code);
  seen.nowhere = await Secret.list({ ...options, baseUrl: 'http://127.0.0.1:1', retries: 0 }).catch((error) => error instanceof StandinError && error.code);
  seen.printed = JSON.stringify(sandbox);
  await sandbox.kill();
  await Secret.deleteByName('page', options);
  return seen;
}`;

describe('standin/client in a browser', { skip: skipWithout('bwrap', 'curl', 'chromium') }, () => {
  const directory = temporaryDirectory('browser');
  let rig: SdkRig;
  let browser: Browser;

  before(async () => {
    await build(join(directory.path, 'dist'));
    rig = await startSdkRig();
    // A page that a test hands over has no address: it would count as one of the internet, and not reach loopback.
    const args = ['--no-sandbox', '--disable-features=LocalNetworkAccessChecks'];
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args });
  });

  after(async () => {
    await browser?.close();
    await rig?.stop();
    directory.remove();
  });

  /** Files of the page, at the origin of the API: the rest goes to the server. */
  async function serve(route: Route): Promise<void> {
    const { pathname } = new URL(route.request().url());
    const files: [prefix: string, folder: string][] = [
      ['/page/dist/', join(directory.path, 'dist')],
      ['/page/zod/', zod],
      ['/page/bundled/', join(directory.path, 'bundled')],
    ];
    const found = files.find(([prefix]) => pathname.startsWith(prefix));
    if (found !== undefined) {
      const body = readFileSync(join(found[1], pathname.slice(found[0].length)), 'utf8');
      return route.fulfill({ body, contentType: 'text/javascript' });
    }
    if (pathname === '/page/program.js') return route.fulfill({ body: program, contentType: 'text/javascript' });
    return route.fulfill({ body: html, contentType: 'text/html' });
  }

  /** Runs the program in a page, and answers what it saw and what the page loaded. */
  async function run(path: string): Promise<{ seen: Record<string, unknown>; loaded: string[] }> {
    const page = await browser.newPage();
    await page.route('**/page/**', serve);
    const loaded: string[] = [];
    page.on('request', (request) => loaded.push(request.url()));
    await page.goto(`${rig.server.url}/page/`);
    const script = `import('${path}').then(({ main }) => main(${JSON.stringify(rig.server.apiKey)}))`;
    const seen: Record<string, unknown> = await page.evaluate(script);
    await page.close();
    return { seen, loaded };
  }

  function assertDone(seen: Record<string, unknown>): void {
    const { providers, printed, ...rest } = seen;
    assert.ok(Number(providers) > 20);
    assert.deepEqual(rest, {
      run: { stdout: 'hello', stderr: '', exitCode: 0, truncated: false },
      stream: ['out\n', 'err\n', 3],
      spawn: { stdout: 'hé\n', stderr: '', exitCode: 5, truncated: false },
      file: 'from a page',
      awake: 'awake\n',
      closed: 'ConnectionError',
      missing: 'not_found',
      fetch: 'not_supported',
      nowhere: 'connection_failed',
    });
    assert.ok(!String(printed).includes(rig.server.apiKey) && !/egress|proxy|access/i.test(String(printed)));
    assert.match(rig.upstream.receivedText(), /Bearer real-page-value/);
  }

  it('does in a page without a bundler what it does in Node', async () => {
    const { seen, loaded } = await run('/page/program.js');
    assertDone(seen);
    assert.deepEqual(
      loaded.filter((url) => /node:|undici|\/ws\b/.test(url)),
      [],
    );
  });

  it('does the same from a minified bundle, which has nothing of Node in it', async (t) => {
    const project = join(directory.path, 'project');
    const installed = join(project, 'node_modules/standin');
    mkdirSync(installed, { recursive: true });
    cpSync(join(root, 'package.json'), join(installed, 'package.json'));
    symlinkSync(join(directory.path, 'dist'), join(installed, 'dist'));
    for (const name of ['zod', 'ws'])
      symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
    writeFileSync(join(project, 'main.js'), program);
    const complaints: string[] = [];
    await bundle({
      root: project,
      configFile: false,
      logLevel: 'silent',
      resolve: { preserveSymlinks: true },
      build: {
        outDir: join(directory.path, 'bundled'),
        target: 'es2022',
        lib: { entry: 'main.js', formats: ['es'], fileName: () => 'main.js' },
        rolldownOptions: { onLog: (_level, { message }) => void complaints.push(message) },
      },
    });
    const file = readFileSync(join(directory.path, 'bundled/main.js'), 'utf8');
    assert.deepEqual([...file.matchAll(/from ?["']node:[^"']*|require\(|__vite-browser-external|undici/g)], []);
    assert.deepEqual(
      complaints.filter((each) => /external|unresolved/i.test(each)),
      [],
    );
    t.diagnostic(`bundled: ${brotliCompressSync(file).length} bytes compressed`);
    const { seen, loaded } = await run('/page/bundled/main.js');
    assertDone(seen);
    const files = loaded.flatMap((url) => /\/page\/bundled\/(.*)$/.exec(url)?.[1] ?? []);
    const own = files.filter((each) => !each.startsWith('rolldown-runtime'));
    assert.deepEqual(own, ['main.js'], 'what is for Node alone is not loaded on the way');
  });
});
