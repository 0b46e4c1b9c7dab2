import assert from 'node:assert/strict';
import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { UnsealError, openBox, sealBox } from '../../../src/crypto/aead.ts';
import { createEnvelope } from '../../../src/crypto/envelope.ts';
import type { SealContext, SealedValue } from '../../../src/crypto/envelope.ts';
import { encodeFields } from '../../../src/crypto/fields.ts';
import type { KeyProvider } from '../../../src/crypto/key-provider.ts';
import { Secret, exposeSecret } from '../../../src/crypto/secret.ts';

/** A key service in memory that remembers the data keys it was handed, to see what becomes of them. */
function memoryProvider(): KeyProvider & { handed: Uint8Array[]; copies: Buffer[] } {
  const key = createSecretKey(randomBytes(32));
  const handed: Uint8Array[] = [];
  const copies: Buffer[] = [];
  const remember = (dataKey: Uint8Array) => {
    handed.push(dataKey);
    copies.push(Buffer.from(dataKey));
  };
  return {
    id: 'memory',
    keyId: 'memory:1',
    handed,
    copies,
    async wrap(dataKey, aad) {
      remember(dataKey);
      return { wrappedKey: sealBox(key, dataKey, aad), keyId: 'memory:1' };
    },
    async unwrap(wrappedKey, aad) {
      const dataKey = openBox(key, wrappedKey, aad);
      remember(dataKey);
      return dataKey;
    },
  };
}

const context: SealContext = { purpose: 'secret-value', teamId: 'team-a', secretId: 'secret-a', version: 1 };
const text = 'sk-ant-a-value-nobody-may-see';

async function failsWithoutContent(opening: Promise<unknown>): Promise<void> {
  await assert.rejects(opening, (error) => {
    assert.ok(error instanceof UnsealError);
    assert.doesNotMatch(inspect(error), new RegExp(`${text}|${Buffer.from(text).toString('hex')}`));
    return true;
  });
}

describe('envelope', () => {
  it('opens what it sealed, whatever bytes it holds', async () => {
    const envelope = createEnvelope(memoryProvider());
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 9000 }), async (bytes) => {
        const sealed = await envelope.seal(new Secret(bytes), context);
        assert.deepEqual(exposeSecret(await envelope.open(sealed, context)), Buffer.from(bytes));
      }),
      { numRuns: 50 },
    );
  });

  it('seals the same value under another data key and nonce each time, and wipes every data key', async () => {
    const provider = memoryProvider();
    const envelope = createEnvelope(provider);
    const value = new Secret(text);
    const [one, two] = [await envelope.seal(value, context), await envelope.seal(value, context)];
    await envelope.open(one, context);
    assert.notDeepEqual(one.ciphertext, two.ciphertext);
    assert.notDeepEqual(one.ciphertext.subarray(1, 13), two.ciphertext.subarray(1, 13));
    assert.equal(new Set(provider.copies.map((each) => each.toString('hex'))).size, 2);
    assert.equal(provider.handed.length, 3);
    for (const dataKey of provider.handed) assert.deepEqual(Buffer.from(dataKey), Buffer.alloc(32));
    assert.equal(exposeSecret(value).toString(), text);
  });

  it('holds nothing of the value in what it gives back to be stored', async () => {
    const sealed = await createEnvelope(memoryProvider()).seal(new Secret(text), context);
    for (const part of [sealed.ciphertext, sealed.wrappedKey]) assert.ok(!Buffer.from(part).includes(text));
  });

  it('stays shut for another purpose, team, secret or version', async () => {
    const envelope = createEnvelope(memoryProvider());
    const sealed = await envelope.seal(new Secret(text), context);
    const elsewhere: Partial<SealContext>[] = [
      { purpose: 'ca-key' },
      { teamId: 'team-b' },
      { secretId: 'secret-b' },
      { version: 2 },
      { teamId: 'team-', secretId: 'asecret-a' },
    ];
    for (const each of elsewhere) await failsWithoutContent(envelope.open(sealed, { ...context, ...each }));
  });

  it('stays shut where the ciphertext of one row stands beside the wrapped key of another', async () => {
    const envelope = createEnvelope(memoryProvider());
    const other = { ...context, secretId: 'secret-b' };
    const [a, b] = [await envelope.seal(new Secret(text), context), await envelope.seal(new Secret(text), other)];
    for (const where of [context, other]) {
      await failsWithoutContent(envelope.open({ ...a, wrappedKey: b.wrappedKey }, where));
      await failsWithoutContent(envelope.open({ ...a, ciphertext: b.ciphertext }, where));
    }
  });

  it('stays shut after a single bit of any byte changed, or a byte was cut off or added', async () => {
    const envelope = createEnvelope(memoryProvider());
    const sealed = await envelope.seal(new Secret(text), context);
    for (const part of ['ciphertext', 'wrappedKey'] as const) {
      const bytes = sealed[part];
      for (let index = 0; index < bytes.length; index++) {
        const altered = Buffer.from(bytes);
        altered[index] = (altered[index] ?? 0) ^ (1 << (index % 8));
        await failsWithoutContent(envelope.open({ ...sealed, [part]: altered }, context));
      }
      const longer = Buffer.concat([bytes, Buffer.of(0)]);
      const shorter = [0, 1, 13, 28, bytes.length - 1].map((length) => bytes.subarray(0, length));
      for (const each of [longer, ...shorter]) {
        await failsWithoutContent(envelope.open({ ...sealed, [part]: each }, context));
      }
    }
  });

  it('stays shut for any other pair of rows', async () => {
    const envelope = createEnvelope(memoryProvider());
    const field = fc.string({ maxLength: 12 });
    const anyContext = fc.record({ purpose: field, teamId: field, secretId: field, version: fc.nat(1000) });
    await fc.assert(
      fc.asyncProperty(anyContext, anyContext, async (one, two) => {
        const sealed: SealedValue = await envelope.seal(new Secret(text), one);
        const same = JSON.stringify(Object.values(one)) === JSON.stringify(Object.values(two));
        if (!same) await failsWithoutContent(envelope.open(sealed, two));
      }),
      { numRuns: 100 },
    );
  });
});

describe('field encoding', () => {
  it('gives two different lists of fields two different encodings', () => {
    const fields = fc.array(fc.string({ unit: 'grapheme', maxLength: 4 }), { maxLength: 4 });
    fc.assert(
      fc.property(fields, fields, (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b);
        assert.equal(encodeFields(a).equals(encodeFields(b)), same);
      }),
    );
    assert.ok(!encodeFields(['ab', 'c']).equals(encodeFields(['a', 'bc'])));
    assert.ok(!encodeFields(['a', '']).equals(encodeFields(['a'])));
  });
});
