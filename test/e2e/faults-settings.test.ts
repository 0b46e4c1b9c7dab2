import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadConfig } from '../../src/config.ts';
import { settings } from '../../src/config-settings.ts';
import { StartupError } from '../../src/errors.ts';
import { runProgram, skipWithout } from '../support/processes.ts';
import { runStandinToItsEnd, startStandin } from '../support/standin-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const home = temporaryDirectory('settings');
after(() => home.remove());

/** For each setting values that it does not take, and words of the form that it does. */
const wrong: Record<string, { values: string[]; form: RegExp }> = {
  STANDIN_DATA_DIR: { values: [' ', '\t'], form: /must not be empty/ },
  STANDIN_API_LISTEN: {
    values: ['8787', '127.0.0.1', '127.0.0.1:65536', ':8787', '::1:8787', '127.0.0.1:http', 'http://127.0.0.1:8787'],
    form: /must be address:port, such as 127\.0\.0\.1:8787 or \[::1\]:8787/,
  },
  STANDIN_PROXY_LISTEN: { values: ['x', '127.0.0.1:-1', '[::1]'], form: /must be address:port/ },
  STANDIN_DATAPLANE_LISTEN: { values: ['on', '0.0.0.0'], form: /must be address:port/ },
  STANDIN_DATAPLANE_DOMAIN: { values: ['a b', '-x.com', 'https://a.com'], form: /must be a host name/ },
  STANDIN_DATABASE_URL: {
    values: ['mysql://x', 'standin.db', 'postgres:x'],
    form: /must start with sqlite: or postgres:/,
  },
  STANDIN_KEY_PROVIDER: { values: ['aws', 'Local'], form: /must be one of local/ },
  STANDIN_BOOTSTRAP_API_KEY: {
    values: ['short', 'with spaces in it, and long enough', 'caf\u00e9-caf\u00e9-caf\u00e9-caf\u00e9'],
    form: /must be 20 or more printable characters without spaces/,
  },
  STANDIN_EGRESS_WORKERS: { values: ['0', '-1', '1.5', 'many', '2000'], form: /must be a whole number from 1 to 1024/ },
  STANDIN_EGRESS_CONNECT_TO: {
    values: [
      'a.example.com',
      'a.example.com:443:b.example.com:443',
      'a.example.com:443:127.0.0.1',
      'a.example.com:443:999.1.1.1:443',
      'a.example.com:0:127.0.0.1:443',
      'a.example.com:443:127.0.0.1:70000',
    ],
    form: /must be host:port:address:port, such as api\.example\.com:443:127\.0\.0\.1:8443/,
  },
  STANDIN_EGRESS_CA_FILE: { values: [' '], form: /must not be empty/ },
  STANDIN_EGRESS_ALLOW_PRIVATE: {
    values: ['10.0.0.0/33', 'localhost', '10.0.0.0/8,x'],
    form: /is not a CIDR such as 10\.0\.0\.0\/8/,
  },
  STANDIN_EGRESS_CLEARTEXT_HOSTS: {
    values: ['*.example.com', 'api.example.com:80', '10.0.0.1', 'api.example.com,http://x.com'],
    form: /must be a host name/,
  },
  STANDIN_EGRESS_FIRST_BYTE_TIMEOUT: { values: ['0', '1m', '86401'], form: /must be a whole number from 1 to 86400/ },
  STANDIN_EGRESS_SCRUB: { values: ['yes', 'ON', '1'], form: /must be one of on, off/ },
  STANDIN_EGRESS_MAX_CONNECTIONS: {
    values: ['-1', 'many', '10000001'],
    form: /must be a whole number from 0 to 10000000/,
  },
  STANDIN_EGRESS_MAX_REQUESTS: { values: ['-1', '1.5'], form: /must be a whole number from 0 to 10000000/ },
  STANDIN_EGRESS_MAX_HEAD_BYTES: {
    values: ['4095', '1048577', '64K'],
    form: /must be a whole number from 4096 to 1048576/,
  },
  STANDIN_EGRESS_MAX_BYTES: { values: ['1M', '-1'], form: /must be a whole number from 0 to/ },
  STANDIN_SANDBOX_DRIVER: { values: ['docker', 'AUTO'], form: /must be one of auto, bubblewrap, gvisor, external/ },
  STANDIN_SANDBOX_VCPUS: { values: ['0', '1.5', '1025'], form: /must be a whole number from 1 to 1024/ },
  STANDIN_SANDBOX_MEMORY: { values: ['127', '2G'], form: /must be a whole number from 128 to 16777216/ },
  STANDIN_SANDBOX_PIDS: { values: ['31', '-1'], form: /must be a whole number from 32 to 4194304/ },
  STANDIN_SANDBOX_DISK: { values: ['0', '1G'], form: /must be a whole number from 1 to 16777216/ },
  STANDIN_MAX_SANDBOXES: { values: ['-1', 'none'], form: /must be a whole number from 0 to 1000000/ },
  STANDIN_TEMPLATES: {
    values: ['python', 'python=srv/python', 'base=/srv/base', 'a=/srv/../etc', 'a b=/srv', 'a=/srv,a=/opt'],
    form: /must be name=\/path, such as python=\/srv\/python\.tar\.gz|is given twice/,
  },
  STANDIN_CONSOLE: { values: ['yes', 'ON', '1'], form: /must be one of on, off/ },
  STANDIN_LOG_LEVEL: { values: ['loud', 'INFO'], form: /must be one of fatal, error, warn/ },
};

describe('a setting that cannot be understood', () => {
  it('is known to this test, whichever it is', () => {
    assert.deepEqual(Object.keys(wrong).toSorted(), settings.map(({ env }) => env).toSorted());
  });

  const file = join(home.path, 'standin.conf');
  for (const { key, env, flag, secret } of settings) {
    it(`is refused with its name and the form that is right, wherever it stands: ${env}`, () => {
      const { values = [], form = /^$/ } = wrong[env] ?? {};
      assert.ok(values.length > 0);
      for (const value of values) {
        const refused = (place: string) => (error: unknown) => {
          assert.ok(error instanceof StartupError, String(error));
          assert.ok(error.message.startsWith(`${place}: `), error.message);
          assert.match(error.message, form);
          assert.doesNotMatch(error.message, /\n/);
          if (secret === true) assert.ok(!error.message.includes(value), 'a secret setting is not repeated');
          return true;
        };
        assert.throws(() => loadConfig({}, { env: { [env]: value } }), refused(env), value);
        assert.throws(() => loadConfig({ [key]: value }, { env: {} }), refused(flag), value);
        // In a file white space around a value is not part of it.
        if (value.trim() === '') continue;
        writeFileSync(file, `# a comment\n\n${env}=${value}\n`);
        assert.throws(() => loadConfig({}, { env: {}, file }), refused(`${env} in ${file}`), value);
      }
    });
  }

  it('is refused by the server in one line, before it has made anything', async () => {
    const dataDir = join(home.path, 'never-made');
    const { code, stdout, stderr } = await runStandinToItsEnd({ dataDir, env: { STANDIN_EGRESS_WORKERS: 'many' } });
    assert.equal(code, 1);
    assert.equal(stderr, 'error: STANDIN_EGRESS_WORKERS: must be a whole number from 1 to 1024\n');
    assert.equal(stdout, '');
    assert.equal(existsSync(dataDir), false);
  });

  it('is refused where the config file is not there, or has a line that is no setting', () => {
    assert.throws(
      () => loadConfig({}, { env: {}, file: join(home.path, 'nowhere.conf') }),
      /config file .* cannot be read/,
    );
    writeFileSync(file, 'STANDIN_LOG_LEVEL=info\nSTANDIN_LOGLEVEL=info\n');
    assert.throws(
      () => loadConfig({}, { env: {}, file }),
      /standin\.conf, line 2: not a setting \(`standin config` lists/,
    );
  });
});

/** Runs a command in a mount namespace of its own, in which /usr/bin has everything but bwrap. */
const withoutBubblewrap = [
  'unshare',
  process.getuid?.() === 0 ? '-m' : '-rm',
  'sh',
  '-c',
  `set -e
  mkdir -p ${home.path}/bin
  mount --bind /usr/bin ${home.path}/bin
  mount -t tmpfs tmpfs /usr/bin
  ${home.path}/bin/ln -s ${home.path}/bin/* /usr/bin/
  ${home.path}/bin/rm /usr/bin/bwrap
  exec "$@"`,
  'sh',
];

const noNamespaces = await (async () => {
  const missing = skipWithout('unshare', 'bwrap');
  if (missing !== false) return missing;
  const [command = '', ...args] = withoutBubblewrap;
  const { code } = await runProgram(command, [...args, 'true']);
  return code !== 0 && 'mount namespaces cannot be made here';
})();

describe('a machine without bubblewrap', { skip: noNamespaces }, () => {
  it('is refused where that driver is asked for, with what to install', async () => {
    const { code, stdout, stderr } = await runStandinToItsEnd({
      dataDir: join(home.path, 'asked-for'),
      launcher: withoutBubblewrap,
      env: { STANDIN_SANDBOX_DRIVER: 'bubblewrap' },
    });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^error: [^\n]*bwrap is not installed: apt-get install bubblewrap[^\n]*\n$/);
    assert.equal(stdout, '');
  });

  it('is served by the driver `external` where none is asked for, with a warning', async () => {
    const server = await startStandin({ launcher: withoutBubblewrap, env: { STANDIN_SANDBOX_DRIVER: 'auto' } });
    try {
      await server.program.waitForOutput(/driver {3}external\n/);
      await server.program.waitForOutput(/"level":"warn".*bwrap is not installed: apt-get install bubblewrap/);
      const sandbox = await server.client.sandboxes.create({ name: 'box' });
      assert.match(sandbox.egress.proxy_url, /^http:/);
    } finally {
      assert.deepEqual(await server.stop(), { code: 0, signal: null });
    }
  });
});
