import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { CliFailure } from '../../../src/cli/failure.ts';
import { findServer, isThisMachine } from '../../../src/cli/find-server.ts';
import { processIo } from '../../../src/cli/io.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

let directory = temporaryDirectory('find-server');
beforeEach(() => {
  directory.remove();
  directory = temporaryDirectory('find-server');
});
after(() => directory.remove());

function find(env: Record<string, string> = {}) {
  return findServer({ ...processIo(), env: { STANDIN_DATA_DIR: directory.path, ...env } });
}

function writeFile(content: unknown, mode = 0o600): string {
  const path = join(directory.path, 'cli.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  chmodSync(path, mode);
  return path;
}

const written = { url: 'http://127.0.0.1:4000', api_key: 'from-the-file' };

test('what the first start wrote is used where the environment says nothing', () => {
  const path = writeFile(written);
  assert.deepEqual(find(), { url: 'http://127.0.0.1:4000', apiKey: 'from-the-file', file: path });
});

test('the environment wins over the file', () => {
  writeFile(written);
  const given = { STANDIN_URL: 'https://standin.example.com/', STANDIN_API_KEY: 'from-the-environment' };
  assert.deepEqual(find(given), { url: 'https://standin.example.com', apiKey: 'from-the-environment', file: null });
});

test('a key from the environment goes with the server of the file', () => {
  writeFile(written);
  assert.deepEqual(find({ STANDIN_API_KEY: 'k' }), { url: 'http://127.0.0.1:4000', apiKey: 'k', file: null });
});

test('a key from the environment without a file goes to the address that the server would listen on', () => {
  const env = { STANDIN_API_KEY: 'k', STANDIN_API_LISTEN: '[::1]:9999' };
  assert.equal(find(env).url, 'http://[::1]:9999');
});

test('the key of the file never goes to another server', () => {
  writeFile(written);
  assert.throws(() => find({ STANDIN_URL: 'http://127.0.0.1:4001' }), refusal(/no key known for/, /STANDIN_API_KEY/));
  assert.throws(() => find({ STANDIN_URL: 'https://127.0.0.1:4000' }), refusal(/no key known for/, /STANDIN_API_KEY/));
});

test('a file that others can read is refused', () => {
  const path = writeFile(written, 0o640);
  assert.throws(() => find(), refusal(/can be read by others/, new RegExp(`chmod 600 ${path}`)));
});

test('a file that holds something else is refused', () => {
  for (const content of ['not json', '[]', '{"url": "http://x"}', '{"url": 1, "api_key": 2}', 'null']) {
    writeFile(content);
    assert.throws(() => find(), refusal(/does not hold/, /STANDIN_URL/));
  }
});

test('without either, the way to start a server is named', () => {
  assert.throws(() => find(), refusal(/no server and key known/, /standin serve/));
});

test('an address that is not http or https is refused', () => {
  for (const url of ['ftp://x', 'localhost:8787', '', 'javascript:1'].filter((each) => each !== '')) {
    assert.throws(
      () => find({ STANDIN_URL: url, STANDIN_API_KEY: 'k' }),
      refusal(/not an http\(s\) URL/, /STANDIN_URL/),
    );
  }
});

test('only loopback addresses are this machine', () => {
  for (const url of ['http://localhost:1', 'http://127.0.0.1', 'http://127.9.9.9:2', 'http://[::1]:3']) {
    assert.equal(isThisMachine(url), true, url);
  }
  for (const url of [
    'http://10.0.0.1',
    'http://localhost.example.com',
    'http://[2001:db8::1]',
    'http://127.0.0.1.nip.io',
  ]) {
    assert.equal(isThisMachine(url), false, url);
  }
});

function refusal(what: RegExp, fix: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof CliFailure);
    assert.match(error.message, what);
    assert.match(error.fix ?? '', fix);
    return true;
  };
}
