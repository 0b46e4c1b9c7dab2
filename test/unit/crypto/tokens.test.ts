import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { accessToken, verifyAccessToken } from '../../../src/crypto/access-token.ts';
import { hashToken, sameHash } from '../../../src/crypto/hash.ts';
import { Secret } from '../../../src/crypto/secret.ts';

describe('token hashes', () => {
  it('are SHA-256 in hex', () => {
    // FIPS 180-2, appendix B.1.
    assert.equal(hashToken('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  it('are the same only for the same token', () => {
    assert.ok(sameHash(hashToken('one'), hashToken('one')));
    for (const other of [hashToken('two'), '', hashToken('one').slice(1), `${hashToken('one')}0`]) {
      assert.ok(!sameHash(hashToken('one'), other));
    }
  });
});

describe('access tokens', () => {
  const key = new Secret(randomBytes(32));
  const subject = { sandboxId: '5f0c1f4e-5b0e-4a43-9c39-0f3f8f6d6c01', generation: 3 };

  it('are derived anew to the same text, which verifies', () => {
    const token = accessToken(key, subject);
    assert.match(token, /^[A-Za-z0-9_-]{43}$/);
    assert.equal(accessToken(key, subject), token);
    assert.ok(verifyAccessToken(key, token, subject));
  });

  it('verify for no other sandbox, generation or key, nor with a character changed', () => {
    const token = accessToken(key, subject);
    assert.ok(!verifyAccessToken(key, token, { ...subject, generation: 4 }));
    assert.ok(!verifyAccessToken(key, token, { ...subject, sandboxId: '5f0c1f4e-5b0e-4a43-9c39-0f3f8f6d6c02' }));
    assert.ok(!verifyAccessToken(new Secret(randomBytes(32)), token, subject));
    assert.ok(!verifyAccessToken(key, '', subject));
    for (let index = 0; index < token.length; index++) {
      const changed = token.slice(0, index) + (token[index] === 'A' ? 'B' : 'A') + token.slice(index + 1);
      assert.ok(!verifyAccessToken(key, changed, subject));
    }
  });

  it('do not confuse where the sandbox ends and the generation begins', () => {
    assert.notEqual(
      accessToken(key, { sandboxId: 'box1', generation: 1 }),
      accessToken(key, { sandboxId: 'box', generation: 11 }),
    );
  });
});
