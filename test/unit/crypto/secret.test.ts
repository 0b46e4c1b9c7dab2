import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { format, inspect } from 'node:util';
import { createLogger } from '../../../src/log.ts';
import { Secret, exposeSecret, wipeSecret } from '../../../src/crypto/secret.ts';

const text = 'a-value-nobody-may-see';

describe('Secret', () => {
  it('prints as [secret] however it is printed', () => {
    const secret = new Secret(text);
    const printed = [
      String(secret),
      secret.toString(),
      JSON.stringify({ secret }),
      inspect(secret, { depth: 10, showHidden: true }),
      inspect({ deep: { er: [secret] } }, { depth: 10, showHidden: true }),
      format('%s %o %O %j', secret, secret, secret, secret),
      Object.entries(secret).join(),
      Reflect.ownKeys(secret).join(),
      new Error('failed', { cause: secret }).stack ?? '',
    ];
    for (const each of printed) {
      assert.ok(!each.includes(text));
      assert.ok(!each.includes(Buffer.from(text).toString('hex')));
      assert.ok(!each.includes(Buffer.from(text).join(',')));
    }
    assert.equal(printed[0], '[secret]');
    assert.equal(printed[2], '{"secret":"[secret]"}');
  });

  it('is not carried along by a structured clone', () => {
    const copy = structuredClone(new Secret(text));
    assert.deepEqual(Reflect.ownKeys(copy), []);
    assert.throws(() => exposeSecret(copy), TypeError);
  });

  it('does not change when the buffer it was made of does, and is gone once wiped', () => {
    const bytes = Buffer.from(text);
    const secret = new Secret(bytes);
    bytes.fill(0);
    const exposed = exposeSecret(secret);
    assert.equal(exposed.toString(), text);
    assert.equal(secret.byteLength, text.length);
    wipeSecret(secret);
    assert.deepEqual(exposed, Buffer.alloc(text.length));
    assert.throws(() => exposeSecret(secret), { message: 'this secret was wiped' });
  });

  it('does not reach a log line, under whatever name', (test) => {
    const lines: string[] = [];
    const write = test.mock.method(process.stderr, 'write', (line: string) => lines.push(line) > 0);
    const logger = createLogger({ level: 'info', pretty: true });
    logger.info({ anything: new Secret(text), nested: { token: new Secret(text) }, value: text }, 'stored');
    write.mock.restore();
    assert.match(lines.join(''), /stored/);
    assert.ok(!lines.join('').includes(text));
  });
});
