import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseMount } from '../../../src/cli/run/mounts.ts';
import { environmentOf, writeTrust } from '../../../src/cli/run/local-command.ts';

test('a mount is source, optional place inside, optional ro', () => {
  assert.deepEqual(parseMount('src', '/home/me'), { source: '/home/me/src', target: '/home/me/src', read_only: false });
  assert.deepEqual(parseMount('/data:ro', '/x'), { source: '/data', target: '/data', read_only: true });
  assert.deepEqual(parseMount('./a:/b', '/x'), { source: '/x/a', target: '/b', read_only: false });
  assert.deepEqual(parseMount('/a:/b:ro', '/x'), { source: '/a', target: '/b', read_only: true });
  assert.deepEqual(parseMount('/a:/b:rw', '/x'), { source: '/a', target: '/b', read_only: false });
});

test('a mount that could mean several things is refused', () => {
  for (const text of ['', ':/b', '/a:b', '/a:/b:/c', '/a:/b:ro:ro', '/a::ro']) {
    assert.throws(() => parseMount(text, '/x'), /--mount/, text);
  }
});

const egress = {
  proxy_url: 'http://id:token@127.0.0.1:1',
  ca_pem: 'PEM',
  env: {
    API_KEY: 'standin-in',
    STANDIN_CA_FILE: '/etc/standin/ca.pem',
    SSL_CERT_FILE: '/etc/standin/ca.pem',
    HTTPS_PROXY: 'http://id:token@127.0.0.1:1',
  },
};

test('a command run here has the stand-in in place of the real key, and the trust file at its real path', () => {
  const env = environmentOf({ env: { API_KEY: 'the-real-one', PATH: '/bin' } }, egress, '/tmp/trust.pem');
  assert.deepEqual(env, {
    PATH: '/bin',
    API_KEY: 'standin-in',
    STANDIN_CA_FILE: '/tmp/trust.pem',
    SSL_CERT_FILE: '/tmp/trust.pem',
    HTTPS_PROXY: 'http://id:token@127.0.0.1:1',
  });
});

test('what opens the control plane is not handed to a command run here', () => {
  const env = environmentOf(
    { env: { STANDIN_API_KEY: 'k', STANDIN_URL: 'u', STANDIN_DATABASE_URL: 'd' } },
    egress,
    '/t',
  );
  assert.deepEqual(
    Object.keys(env).filter((name) => name.startsWith('STANDIN_')),
    ['STANDIN_CA_FILE'],
  );
});

test('the trust file holds the certificate and goes with its directory', () => {
  const trust = writeTrust('PEM');
  assert.equal(readFileSync(trust.path, 'utf8'), 'PEM');
  trust.remove();
  assert.equal(existsSync(trust.path), false);
});
