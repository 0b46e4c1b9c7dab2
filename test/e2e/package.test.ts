import assert from 'node:assert/strict';
import { existsSync, globSync, mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runProgram, skipWithout, startProgram, waitUntil } from '../support/processes.ts';
import { freePorts } from '../support/ports.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import type { TemporaryDirectory } from '../support/temporary.ts';

/** What `npm pack` makes, installed by the installer into an empty root with an empty home, and used from there. */
const root = fileURLToPath(new URL('../..', import.meta.url));
const nodeDirectory = dirname(process.execPath);
const minutes = 60_000;

describe('the package', { skip: skipWithout('npm', 'bwrap', 'curl', 'git') }, () => {
  let place: TemporaryDirectory;
  let env: Record<string, string>;
  let prefix: string;
  let tarball: string;
  let listed: string[];

  const run = async (command: string, args: string[], more: Record<string, string> = {}) => {
    const { code, stdout, stderr } = await runProgram(command, args, { cwd: place.path, env: { ...env, ...more } });
    assert.equal(code, 0, `${command} ${args.join(' ')}: ${stdout}${stderr}`);
    return `${stdout}${stderr}`;
  };
  const install = (...args: string[]) =>
    run(
      'sh',
      [join(root, 'scripts/install.sh'), '--prefix', prefix, '--commands', join(place.path, 'commands'), ...args],
      { PATH: `${nodeDirectory}:/usr/bin:/bin` },
    );
  const installed = (path: string) => join(prefix, 'node_modules/standin', path);

  before(
    async () => {
      place = temporaryDirectory('package');
      const home = join(place.path, 'home');
      mkdirSync(home);
      prefix = join(place.path, 'root');
      const { stdout: cache } = await runProgram('npm', ['config', 'get', 'cache']);
      env = {
        PATH: `${nodeDirectory}:${process.env['PATH'] ?? ''}`,
        HOME: home,
        // What was downloaded for the checkout need not be downloaded again.
        npm_config_cache: cache.trim(),
        npm_config_prefer_offline: 'true',
      };
      const { code, stdout, stderr } = await runProgram(
        'npm',
        ['pack', '--json', '--loglevel=error', '--pack-destination', place.path],
        { cwd: root },
      );
      assert.equal(code, 0, stderr);
      const answer = stdout.slice(stdout.indexOf('[\n'));
      const packed: { filename: string; files: { path: string }[] }[] = JSON.parse(answer);
      tarball = join(place.path, packed[0]?.filename ?? '');
      listed = packed[0]?.files.map(({ path }) => path) ?? [];
      await install('--package', tarball);
    },
    { timeout: 3 * minutes },
  );
  after(() => place.remove());

  it('holds what is built, the documents, what is deployed and the bill of materials, and no source or test', () => {
    const wanted = [
      'bin/standin', 'dist/main.js', 'dist/egress/worker.js', 'dist/sandbox/agent/main.js', 'dist/docs-site/index.html',
      'dist/docs-site/api.html', 'dist/docs-site/static/scalar.js', 'dist/docs-site/providers/github.html',
      'dist/sbom.cdx.json', 'openapi.json', 'scripts/install.sh', 'deploy/systemd/standin.service',
      'deploy/helm/standin/Chart.yaml', 'README.md', 'LICENSE',
    ]; // prettier-ignore
    assert.deepEqual(
      wanted.filter((path) => !listed.includes(path)),
      [],
    );
    assert.deepEqual(
      listed.filter((path) => /^(?:src|test|bench|node_modules)\//.test(path)),
      [],
    );
    assert.deepEqual(
      listed.filter((path) => /\.(?:ts)$/.test(path) && !path.endsWith('.d.ts')),
      [],
    );
  });

  it('has every module that its parts name', () => {
    const missing = globSync('dist/**/*.js', { cwd: installed('.') })
      .filter((path) => !path.startsWith('dist/docs-site'))
      .flatMap((path) =>
        [...readFileSync(installed(path), 'utf8').matchAll(/from '(\.[^']+)'/g)].map(([, to = '']) =>
          join(dirname(path), to),
        ),
      )
      .filter((path) => !existsSync(installed(path)));
    assert.deepEqual(missing, []);
  });

  it('shows its promise from there', { timeout: 2 * minutes }, async () => {
    assert.match(await run(join(prefix, 'bin/standin'), ['demo']), /(\d+) of \1 claims held/);
  });

  it(
    'shows it with the rights that the systemd unit leaves',
    { timeout: 2 * minutes, skip: process.getuid?.() === 0 ? skipWithout('setpriv') : 'only root can drop rights' },
    async () => {
      const unit = readFileSync(installed('deploy/systemd/standin.service'), 'utf8');
      const [, dropped = ''] = /^CapabilityBoundingSet=~(.*)$/m.exec(unit) ?? [];
      const set = dropped
        .toLowerCase()
        .split(' ')
        .map((name) => name.replace('cap_', '-'));
      assert.ok(set.length > 5 && unit.includes('\nNoNewPrivileges=yes\n'));
      const args = ['--no-new-privs', `--bounding-set=${set.join(',')}`, join(prefix, 'bin/standin'), 'demo'];
      assert.match(await run('setpriv', args), /(\d+) of \1 claims held/);
    },
  );

  it('serves, and its command line finds that nothing is wrong', { timeout: 2 * minutes }, async () => {
    const [api = 0, proxy = 0] = await freePorts(2);
    const settings = {
      STANDIN_DATA_DIR: join(place.path, 'data'),
      STANDIN_API_LISTEN: `127.0.0.1:${api}`,
      STANDIN_PROXY_LISTEN: `127.0.0.1:${proxy}`,
      STANDIN_EGRESS_WORKERS: '1',
    };
    const server = await startProgram(join(prefix, 'bin/standin'), ['serve'], { env: { ...env, ...settings } });
    try {
      await waitUntil(() => server.stdout().includes('is ready'), { what: 'the server to be ready', withinMs: 60_000 });
      const doctor = await run(join(prefix, 'bin/standin'), ['doctor'], settings);
      assert.match(doctor, /ok +server/);
      assert.doesNotMatch(doctor, /^(?:fail|error)/m);
    } finally {
      await server.stop();
    }
  });

  it(
    'is installed again over itself, refuses a place that is not its own, and goes without a trace',
    { timeout: 2 * minutes },
    async () => {
      assert.match(await install('--package', tarball), /standin \d+\.\d+\.\d+ is /);
      const foreign = await runProgram('sh', [join(root, 'scripts/install.sh'), '--prefix', place.path], { env });
      assert.equal(foreign.code, 1);
      assert.match(foreign.stderr, /was not made by this script/);
      assert.match(await install('--uninstall'), /removed .*root/);
      assert.equal(existsSync(prefix), false);
      assert.match(await install('--uninstall'), /nothing is installed/);
      assert.deepEqual(
        readdirSync(join(place.path, 'home')).filter((name) => statSync(join(place.path, 'home', name)).isFile()),
        [],
      );
    },
  );
});
