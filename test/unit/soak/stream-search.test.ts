import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeCore } from '../../../src/stand-in.ts';
import { makeValue, standInPatterns, valuePatterns, valuesIn } from '../../soak/marks.ts';
import { StreamSearch, searchTree } from '../../soak/stream-search.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const value = makeValue({ secret: 7, version: 41 });

/** Ways in which a value could be written down. */
const spellings: Record<string, string> = {
  'as it is': value,
  'in base64': Buffer.from(value).toString('base64'),
  'in base64 one byte on': Buffer.from(`:${value}`).toString('base64'),
  'in base64 two bytes on': Buffer.from(`a:${value}`).toString('base64url'),
  'in hexadecimal': Buffer.from(value).toString('hex'),
  'in upper-case hexadecimal': Buffer.from(value).toString('hex').toUpperCase(),
  'in percent escapes': Buffer.from(value).toString('hex').replaceAll(/../g, '%$&'),
  'in unicode escapes': value.replaceAll(/./g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`),
  'in UTF-16': Buffer.from(value, 'utf16le').toString('latin1'),
};

describe('the search of a run', () => {
  for (const [how, text] of Object.entries(spellings)) {
    it(`finds a value ${how}, wherever the bytes are split`, () => {
      const bytes = Buffer.from(`before ${text} after`, 'latin1');
      for (let at = 0; at <= bytes.length; at++) {
        const search = new StreamSearch(valuePatterns);
        const hits = [...search.push(bytes.subarray(0, at)), ...search.push(bytes.subarray(at))];
        assert.equal(hits.length, 1, `split at ${at}`);
      }
      const search = new StreamSearch(valuePatterns);
      assert.equal([...bytes].flatMap((byte) => search.push(Buffer.from([byte]))).length, 1);
    });
  }

  it('finds each of several, and says where', () => {
    const hits = new StreamSearch(valuePatterns).push(Buffer.from(`${value} and ${value}`));
    assert.deepEqual(
      hits.map(({ offset }) => offset),
      [12, 12 + value.length + 5],
    );
  });

  it('finds stand-ins of both kinds, and takes no value for one', () => {
    const found = (text: string) => new StreamSearch(standInPatterns).push(Buffer.from(text)).length;
    const core = makeCore('text');
    assert.equal(found(`Authorization: Bearer ${core}`), 1);
    assert.equal(found(`Authorization: Basic ${Buffer.from(`me:${core}`).toString('base64')}`), 1);
    assert.equal(found(`X-Key: ${makeCore('hex')}`), 1);
    assert.equal(found(`Authorization: Bearer ${value}`), 0);
  });

  it('finds what was planted in a file below a directory, across the pieces in which it is read', () => {
    const directory = temporaryDirectory('soak-search');
    try {
      mkdirSync(join(directory.path, 'deep'));
      writeFileSync(join(directory.path, 'clean'), 'nothing here');
      writeFileSync(join(directory.path, 'deep', 'wal'), `${'x'.repeat((1 << 20) - 20)}${value}${'y'.repeat(1000)}`);
      const { files, bytes, hits } = searchTree(directory.path, valuePatterns);
      assert.deepEqual([files, bytes], [2, 12 + (1 << 20) - 20 + value.length + 1000]);
      assert.deepEqual(
        hits.map(({ path }) => path),
        [join(directory.path, 'deep', 'wal')],
      );
    } finally {
      directory.remove();
    }
  });

  it('knows whose a value is', () => {
    assert.deepEqual(valuesIn(`a ${value} b`), [{ secret: 7, version: 41 }]);
    assert.deepEqual(valuesIn(`a ${value.slice(1)}`), []);
  });
});
