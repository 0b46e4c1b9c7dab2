import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeAuthority } from '../../support/certificates.ts';
import { runProgram, skipWithout } from '../../support/processes.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const binary = fileURLToPath(new URL('../../../bin/standin', import.meta.url));
const folder = '/usr/local/share/ca-certificates';
const bundle = '/etc/ssl/certs/ca-certificates.crt';
const tool = '/usr/sbin/update-ca-certificates';

const skip =
  skipWithout('unshare', 'mount', 'openssl') ||
  (process.getuid?.() === 0 ? false : 'a mount namespace with a store of its own takes root') ||
  (existsSync(tool) ? false : `there is no ${tool}`);

/** The real tool on the real store, in a mount namespace where what it writes is gone with the last process. */
describe('ca install', { skip }, () => {
  const directory = temporaryDirectory('ca-install');
  after(() => directory.remove());
  const authority = makeAuthority();
  writeFileSync(join(directory.path, 'ca.pem'), authority.certPem);
  writeFileSync(join(directory.path, 'leaf.pem'), authority.issue(['store.example.com']).certPem);
  const untouched = readFileSync(bundle);

  /** Runs a script where the store is a copy of its own. */
  async function inOwnStore(script: string): Promise<string> {
    const upper = join(directory.path, 'upper');
    const store = `
set -eu
for place in /etc/ssl ${folder}; do
  mkdir -p "${upper}" "$place"
  mount -t tmpfs none "${upper}"
  mkdir "${upper}/copy"
  cp -a "$place/." "${upper}/copy/"
  mount --bind "${upper}/copy" "$place"
done
verify() { openssl verify -CAfile ${bundle} -no-CApath "$STANDIN_DATA_DIR/leaf.pem" >/dev/null 2>&1 && echo trusted || echo unknown; }
`;
    const { code, stdout, stderr } = await runProgram('unshare', ['-m', 'sh', '-c', store + script], {
      env: { PATH: process.env['PATH'] ?? '', HOME: directory.path, STANDIN_DATA_DIR: directory.path },
    });
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  }

  test('has every program of the machine trust the certificate, and --remove takes it out again', async () => {
    const said = await inOwnStore(`
verify
${binary} ca install --yes
verify
ls ${folder} | grep ^standin-
${binary} ca install --yes >/dev/null   # once more changes nothing
ls ${folder} | grep -c ^standin-
${binary} ca install --remove
verify
ls ${folder} | grep -c ^standin- || true
`);
    const lines = said.trim().split('\n');
    assert.deepEqual(
      lines.filter((line) => /^(trusted|unknown|\d+)$/.test(line)),
      ['unknown', 'trusted', '1', 'unknown', '0'],
      said,
    );
    assert.match(said, /^write \/usr\/local\/share\/ca-certificates\/standin-[0-9a-f]{16}\.crt \(/m);
    assert.match(said, /^done: \/etc\/ssl\/certs\/ca-certificates\.crt is current$/m);
  });

  test('tells who may not write there what would', async () => {
    const said = await inOwnStore(`
mount -o remount,ro,bind ${folder}
${binary} ca install --yes 2>&1 || echo "exit $?"
`);
    assert.match(said, /cannot be written \(EROFS\).*sudo/);
    assert.match(said, /^exit 1$/m);
  });

  test('has left the store of this machine as it was', () => {
    assert.ok(readFileSync(bundle).equals(untouched));
  });
});
