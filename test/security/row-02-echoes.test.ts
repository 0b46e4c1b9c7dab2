import assert from 'node:assert/strict';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { after, before, describe, it } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { headerValues } from '../support/http-bytes.ts';
import type { RawConnection, RawResponse } from '../support/proxy-client.ts';
import { chunked, headOnly, sized } from '../support/replies.ts';
import type { Reply } from '../support/replies.ts';

/**
 * Row 2: the upstream gives the real value back, in any place and form. The sandbox gets its stand-in there, or a refusal
 * where nobody can tell what the content holds; never the value. Through the real server; `test/unit/egress/scrub/` has
 * every encoding at every split.
 */
const host = 'api.example.com';
const unbound = 'plain.example.com';
/** As long as its stand-in, and of another length. */
const values = {
  SAME: 'sk-real-0123456789abcdefghijklmnopqrstu',
  OTHER: 'a-much-longer-real-value/with+signs=&"quotes"',
};
let rig: EgressRig;
let sandbox: RigSandbox;
let connection: RawConnection;

before(async () => {
  rig = await startEgressRig({ names: [host, unbound, 'shared.example.com', 'beyond.example.com'] });
  for (const [name, value] of Object.entries(values)) {
    await rig.secret({
      name,
      value,
      auth: { type: 'custom', headers: { [`x-${name}`]: '{{ value }}' } },
      hosts: [host],
    });
  }
  sandbox = await rig.sandbox({ SAME: 'SAME', OTHER: 'OTHER' });
  connection = await sandbox.connect(host);
});
after(async () => {
  connection?.close();
  await rig?.stop();
});

let count = 0;

/** What the sandbox gets for a request without a credential, when the upstream answers so. */
async function get(reply: Reply, lines: string[] = [], method = 'GET'): Promise<RawResponse> {
  const path = `/${++count}`;
  rig.answer(path, () => reply);
  connection.send([`${method} ${path} HTTP/1.1`, `Host: ${host}`, ...lines, '', ''].join('\r\n'));
  return await connection.response(method);
}

function assertClean(response: RawResponse, text = response.body.content.toString('latin1')): void {
  const all = response.head.bytes.toString('latin1') + text;
  for (const value of Object.values(values)) {
    assert.ok(!all.includes(value), `the value is in ${all}`);
    assert.ok(!all.includes(Buffer.from(value).toString('base64').slice(0, 20)), `base64 of the value is in ${all}`);
  }
}

type Spell = (text: string) => string;
const each = (write: (code: number) => string, between = ''): Spell => {
  return (text) => Array.from(Buffer.from(text), write).join(between);
};
const spellings: Record<string, Spell> = {
  'in base64': (text) => Buffer.from(`user:${text}`).toString('base64'),
  'in hexadecimal': each((code) => code.toString(16)),
  'in a hexadecimal dump': each((code) => code.toString(16), ' '),
  'in an array of C': each((code) => `0x${code.toString(16)}`, ', '),
  'in a Buffer of Node in JSON': (text) => JSON.stringify(Buffer.from(text)),
  'in percent escapes': each((code) => `%${code.toString(16)}`),
  'in quoted-printable': each((code) => `=${code.toString(16)}`),
  'in JSON escapes': each((code) => `\\u00${code.toString(16)}`),
  'in hexadecimal escapes': each((code) => `\\x${code.toString(16)}`),
  'in code point escapes': each((code) => `\\u{${code.toString(16)}}`),
  'in octal escapes': each((code) => `\\${code.toString(8).padStart(3, '0')}`),
  'in references without semicolons': each((code) => `&#${code}`),
  'in UTF-16, low byte first': each((code) => `${String.fromCharCode(code)}\0`),
  'in UTF-16, high byte first': each((code) => `\0${String.fromCharCode(code)}`),
};

for (const [key, value] of Object.entries(values)) {
  describe(`a value ${key === 'SAME' ? 'as long as its stand-in' : 'of another length'}`, () => {
    it('in the reason, in a header and in the body of an answer is the stand-in', async () => {
      const bytes = `HTTP/1.1 200 ${value}\r\nX-Echo: <${value}>\r\nContent-Length: ${value.length}\r\n\r\n${value}`;
      const response = await get({ bytes: [bytes] });
      assertClean(response);
      assert.equal(response.head.startLine, `HTTP/1.1 200 ${sandbox.standIn(key)}`);
      assert.equal(response.header('x-echo'), `<${sandbox.standIn(key)}>`);
      assert.equal(response.body.content.toString(), sandbox.standIn(key));
    });

    it('split over two writes and chunks at each of its bytes is the stand-in', async () => {
      const json = `{"key":"${value}","n":1}`;
      const wanted = `{"key":"${sandbox.standIn(key)}","n":1}`;
      for (let at = 1; at < json.length; at++) {
        const parts = [json.slice(0, at), json.slice(at)];
        const asChunks = await get(chunked(parts));
        assert.equal(asChunks.body.content.toString(), wanted, `chunks split at ${at}`);
        const head = `HTTP/1.1 200 OK\r\nContent-Length: ${json.length}\r\n\r\n`;
        const asWrites = await get({ bytes: [head, ...parts] });
        assert.equal(asWrites.body.content.toString(), wanted, `writes split at ${at}`);
      }
    });

    for (const [coding, encode, decode] of [
      ['gzip', gzipSync, gunzipSync],
      ['deflate', deflateSync, inflateSync],
      ['br', brotliCompressSync, brotliDecompressSync],
      ['zstd', zstdCompressSync, zstdDecompressSync],
    ] as const) {
      it(`in content that is coded with ${coding} is the stand-in, coded the same way`, async () => {
        const content = encode(Buffer.from(`<a href="?key=${value}">${'x'.repeat(5000)}</a>`));
        const response = await get(sized(200, content, { 'Content-Encoding': coding }));
        assert.equal(response.header('content-encoding'), coding);
        const text = decode(response.body.content).toString('latin1');
        assertClean(response, text);
        assert.ok(text.includes(sandbox.standIn(key)));
        assert.ok(text.endsWith(`${'x'.repeat(5000)}</a>`));
      });
    }

    for (const [name, spell] of Object.entries(spellings)) {
      it(`${name} is the stand-in in the same, whole and with every byte by itself`, async () => {
        const text = `before ${spell(value)} after`;
        const wanted = `before ${spell(sandbox.standIn(key))} after`.toLowerCase();
        for (const parts of [[text], text.split('')]) {
          const response = await get(chunked(parts));
          assert.equal(response.body.content.toString('latin1').toLowerCase(), wanted);
        }
        const announced = await get(sized(200, text));
        assert.equal(announced.body.content.toString('latin1').toLowerCase(), wanted);
      });
    }

    it('in lines of quoted-printable is the stand-in', async () => {
      const lines = value.replaceAll('=', '=3D').replaceAll(/(?:=3D|[^=]){11}/g, '$&=\r\n');
      for (const parts of [[lines], lines.split('')]) {
        const response = await get(chunked(parts));
        const joined = response.body.content.toString().replaceAll('=\r\n', '');
        const text = joined.replaceAll(/=(..)/g, (_, digits: string) =>
          String.fromCharCode(Number.parseInt(digits, 16)),
        );
        assert.equal(text, sandbox.standIn(key));
      }
    });

    it('in base64 of base64 does not come through, whole and with every byte by itself', async () => {
      const inner = (text: string) => `{"auth":"${Buffer.from(`user:${text}`).toString('base64')}"}`;
      const text = Buffer.from(inner(value)).toString('base64');
      for (const parts of [[text], text.split('')]) {
        const response = await get(chunked(parts));
        const once = Buffer.from(response.body.content.toString(), 'base64').toString();
        const auth = /"auth":"([^"]*)"/.exec(once)?.[1] ?? '';
        const twice = Buffer.from(auth, 'base64').toString('latin1');
        assert.ok(twice.startsWith('user:'), once);
        assert.ok(twice.includes(sandbox.standIn(key).slice(1, -1)), twice);
        assert.ok(!twice.includes(value.slice(1, -1)), twice);
      }
    });

    it('in what a coding carries beside its content does not come through', async () => {
      const name = Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]), Buffer.from(`${value}\0`)]);
      const content = Buffer.concat([name, gzipSync(Buffer.from('clean')).subarray(10)]);
      const response = await get(sized(200, content, { 'Content-Encoding': 'gzip' }));
      assertClean(response);
      assert.equal(gunzipSync(response.body.content).toString(), 'clean');
    });

    it('in a trailer is the stand-in', async () => {
      const response = await get(chunked(['x'], { trailers: { 'X-Echo': value } }));
      assert.deepEqual(response.body.trailers, [['X-Echo', sandbox.standIn(key)]]);
    });

    it('in the answer to HEAD, in 304 and in an interim answer is the stand-in', async () => {
      const head = await get(headOnly(200, { 'Content-Length': '5', 'X-Echo': value }), [], 'HEAD');
      assert.equal(head.header('x-echo'), sandbox.standIn(key));
      const unchanged = await get(headOnly(304, { ETag: `"${value}"` }));
      assert.equal(unchanged.header('etag'), `"${sandbox.standIn(key)}"`);
      const early = await get({
        bytes: [`HTTP/1.1 103 Early Hints\r\nLink: <${value}>\r\n\r\n`, 'HTTP/1.1 204 No Content\r\n\r\n'],
      });
      assert.equal(early.header('link'), `<${sandbox.standIn(key)}>`);
      assert.equal((await connection.response()).status, 204);
    });
  });
}

describe('what cannot be searched', () => {
  it('is refused: a coding that is not known, and a part of the content', async () => {
    const replies = [
      sized(200, `?${values.SAME}`, { 'Content-Encoding': 'compress' }),
      sized(200, `?${values.SAME}`, { 'Content-Encoding': 'gzip, x-unknown' }),
      sized(206, values.SAME.slice(3), { 'Content-Range': 'bytes 3-38/39' }),
    ];
    for (const reply of replies) {
      connection = await sandbox.connect(host);
      const response = await get(reply);
      assert.deepEqual([response.status, response.header('x-standin-error')], [502, 'response_unreadable']);
      assertClean(response);
    }
    connection = await sandbox.connect(host);
  });

  it('is not asked for: codings, ranges and WebSocket extensions go from the request, where they are for a bound host', async () => {
    const asked = ['Accept-Encoding: gzip, compress', 'Range: bytes=3-', 'If-Range: "a"'];
    await get(sized(200), asked);
    const [bound] = rig.requestsFor(`/${count}`);
    const names = bound?.head.headers.map(([name, value]) => `${name}: ${value}`);
    assert.deepEqual(names, [`Host: ${host}`, 'Accept-Encoding: gzip']);
    const other = await sandbox.connect(unbound);
    other.send(`GET /plain HTTP/1.1\r\nHost: ${unbound}\r\n${asked.join('\r\n')}\r\n\r\n`);
    assert.equal((await other.response()).status, 200);
    other.close();
    const [plain] = rig.requestsFor('/plain');
    assert.deepEqual(
      plain?.head.headers.map(([name, value]) => `${name}: ${value}`),
      [`Host: ${unbound}`, ...asked],
    );
  });

  it('ends in a cut connection where it turns out to be broken on the way', async () => {
    const whole = gzipSync(Buffer.from('x'.repeat(100_000)));
    const broken = Buffer.concat([whole.subarray(0, whole.length - 30), Buffer.alloc(30, 0xff)]);
    await assert.rejects(get(sized(200, broken, { 'Content-Encoding': 'gzip' })));
    connection = await sandbox.connect(host);
  });
});

describe('a value with a colon', () => {
  it('does not come back as the line of a header', async () => {
    const value = '123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc';
    await rig.secret({ name: 'telegram', value, auth: { type: 'bearer' }, hosts: [host] });
    const own = await rig.sandbox({ KEY: 'telegram' });
    const other = connection;
    connection = await own.connect(host);
    const response = await get({ bytes: [`HTTP/1.1 200 OK\r\n${value}\r\nContent-Length: 0\r\n\r\n`] });
    assert.ok(!response.head.bytes.toString('latin1').includes(value));
    connection.close();
    connection = other;
  });
});

describe('a value that goes on from line to line', () => {
  const base64 = Buffer.from(`us:${values.SAME}`).toString('base64').replace(/=+$/, '');
  const twoLines: Record<string, string> = {
    base64: `X-A: ${base64.slice(0, 24)}\r\n${base64.slice(24)}: 1`,
    'quoted-printable': `X-A: ${values.SAME.slice(0, 20)}=\r\n${values.SAME.slice(20)}: 1`,
  };
  for (const [name, lines] of Object.entries(twoLines)) {
    it(`of a head, in ${name}, is refused, and of trailers cuts the answer off`, async () => {
      const inHead = await get({ bytes: [`HTTP/1.1 200 OK\r\n${lines}\r\nContent-Length: 0\r\n\r\n`] });
      assert.deepEqual([inHead.status, inHead.header('x-standin-error')], [502, 'upstream_protocol_error']);
      connection = await sandbox.connect(host);
      const came: Buffer[] = [];
      connection.socket.on('data', (piece: Buffer) => came.push(piece));
      const chunks = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n${lines}\r\n\r\n`;
      await assert.rejects(get({ bytes: [chunks] }));
      assert.ok(!Buffer.concat(came).includes(lines.slice(5, 20)));
      connection = await sandbox.connect(host);
    });
  }
});

describe('a value beyond ASCII', () => {
  it('does not come back from a server that takes heads for Latin-1 and writes UTF-8, nor the other way round', async () => {
    const value = 'geheim-äöüß-Ünïcode-“1234”';
    const latin = 'geheim-äöüß-Ünïcode-1234';
    const answers: [secret: string, write: (read: string) => Buffer][] = [
      [value, (read) => Buffer.from(JSON.stringify({ read }))],
      [value, (read) => Buffer.from(encodeURIComponent(read))],
      [value, (read) => Buffer.from(Buffer.from(read).toString('base64'))],
      [value, (read) => Buffer.from(new TextDecoder('windows-1252').decode(Buffer.from(read, 'latin1')))],
      [latin, (read) => Buffer.from(Buffer.from(read, 'latin1').toString('utf8'), 'latin1')],
    ];
    for (const [index, [real, write]] of answers.entries()) {
      const name = `beyond-ascii-${index}`;
      await rig.secret({ name, value: real, auth: { type: 'bearer' }, hosts: ['beyond.example.com'] });
      const own = await rig.sandbox({ KEY: name });
      const wrote: Buffer[] = [];
      rig.answer(`/${name}`, ({ head }) => {
        const read = headerValues(head, 'authorization')[0]?.slice('Bearer '.length) ?? '';
        wrote.push(write(read));
        return sized(200, write(read));
      });
      const to = await own.connect('beyond.example.com');
      const authorization = `Authorization: Bearer ${own.standIn('KEY')}`;
      to.send(`GET /${name} HTTP/1.1\r\nHost: beyond.example.com\r\n${authorization}\r\n\r\n`);
      const { body } = await to.response();
      to.close();
      assert.equal(wrote.length, 1);
      const readBack = body.content.toString();
      const undone = [decodeURIComponent(readBack), Buffer.from(readBack, 'base64').toString()];
      assert.ok(
        undone.some((text) => text.includes(own.standIn('KEY'))),
        readBack,
      );
      assert.ok(!readBack.includes('geheim') && !body.content.equals(wrote[0] ?? body.content), readBack);
    }
  });
});

describe('a host that no secret names', () => {
  it('answers to the byte, whatever its content looks like', async () => {
    const other = await sandbox.connect(unbound);
    const content = gzipSync(Buffer.from(values.SAME));
    rig.answer('/bytes', () => sized(200, content, { 'Content-Encoding': 'gzip', 'X-Echo': values.SAME }));
    other.send(`GET /bytes HTTP/1.1\r\nHost: ${unbound}\r\n\r\n`);
    const response = await other.response();
    other.close();
    assert.ok(response.body.content.equals(content));
    assert.equal(response.header('x-echo'), values.SAME);
  });
});

describe('two sandboxes with one secret', () => {
  it('each get their own stand-in back, before it is rotated and after', async () => {
    const name = 'shared';
    const versions = ['a-value-that-two-sandboxes-share', 'the-value-that-came-in-its-place'] as const;
    const auth = { type: 'bearer' } as const;
    await rig.secret({ name, value: versions[0], auth, hosts: ['shared.example.com'] });
    const sandboxes = [await rig.sandbox({ KEY: name }), await rig.sandbox({ KEY: name })];
    for (const value of versions) {
      if (value === versions[1]) await rig.server.client.secrets.rotate(name, value);
      for (const one of sandboxes) {
        const path = `/${++count}`;
        rig.answer(path, () => sized(200, `<${value}>`));
        const to = await one.connect('shared.example.com');
        to.send(`GET ${path} HTTP/1.1\r\nHost: shared.example.com\r\n\r\n`);
        const response = await to.response();
        assert.equal(response.body.content.toString(), `<${one.standIn('KEY')}>`);
        to.close();
      }
    }
  });
});
