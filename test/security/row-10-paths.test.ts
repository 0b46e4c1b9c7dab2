import assert from 'node:assert/strict';
import { constants } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { after, before, describe, it } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { headerValues } from '../support/http-bytes.ts';
import { askHttp2, openHttp2Session } from '../support/http2-client.ts';
import { waitUntil } from '../support/processes.ts';
import { connectPlain } from '../support/proxy-client.ts';
import type { RawConnection } from '../support/proxy-client.ts';

/**
 * Row 10: no rule is about paths, so none can be got round. What must hold is that nobody reads a path before the upstream
 * does: it is forwarded to the byte or refused, recorded as it was sent, and no spelling of it moves the request to another
 * host than the one that was judged.
 */
const host = 'api.example.com';
/** Up, and not allowed: whoever reached it would have been led there by a path. */
const elsewhere = 'evil.example.net';

/** Forwarded to the byte. Each stands once, so that what arrives says which it was. */
const forwarded = [
  '/a/../b',
  '/..',
  '/../../etc/passwd',
  '/.',
  '/a/./b',
  '/a/%2e%2e/b',
  '/a/%2E%2e/b',
  '/a/.%2E/b',
  '/%252e%252e/b',
  '/a%2Fb',
  '/a%2fb',
  '/a%5Cb',
  '/a%5cb',
  '/a\\..\\b',
  '/\\evil.example.net/x',
  '//',
  '//evil.example.net/x',
  '///evil.example.net',
  '/a//b///c',
  '/a;b=c/d;e',
  '/a;/../b',
  '/..;/b',
  '/@evil.example.net/',
  '/:443@evil.example.net',
  '/https://evil.example.net/x',
  '/%2f%2fevil.example.net/x',
  '/a%00b',
  '/a%0d%0aHost:%20evil.example.net',
  '/a%20b',
  '/%61%70%69',
  '/%C3%A9',
  '/%c0%af',
  '/a%',
  '/a%z',
  '/a%2',
  '/a|b{c}^d`e"f<g>',
  "/~a!$&'()*+,=-_.",
  '/a?b=/../c&d=//e',
  '/a?',
  '/??',
  '/?%2e%2e/',
];
/** In none of the forms of a request target, or with a character that none has (RFC 9112 section 3.2, RFC 3986). */
const refused = ['a/b', '../a', '\\a', '%2fa', '?a', ';a', '*', '/a#b', '/a\tb', '/a\x7fb', '/a\x00b', '/\xe9', ''];

let rig: EgressRig;
let sandbox: RigSandbox;
let value: string;

before(async () => {
  rig = await startEgressRig({ names: [host, elsewhere] });
  value = await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
  sandbox = await rig.sandbox({ KEY: 'key' }, { network: { allow_out: [host] } });
});
after(() => rig?.stop());

const bearer = () => `Bearer ${sandbox.standIn('KEY')}`;
const byCode = (a: string, b: string) => (a < b ? -1 : Number(a > b));
/** What has arrived. */
const sent: string[] = [];

/** The target that arrives for one request, with the real value, and at the host that was judged. */
async function arrived(attempt: () => Promise<number>, what: string): Promise<string | undefined> {
  const seen = rig.upstream.requests.length;
  assert.equal(await attempt(), 200, what);
  assert.equal(rig.upstream.requests.length, seen + 1, what);
  const request = rig.upstream.requests.at(-1);
  assert.equal(request?.connection.serverName, host, what);
  assert.deepEqual(headerValues(request?.head ?? { headers: [] }, 'host'), [host], what);
  assert.deepEqual(headerValues(request?.head ?? { headers: [] }, 'authorization'), [`Bearer ${value}`], what);
  sent.push(request?.target ?? '');
  return request?.target;
}

/** Sends on `connection` and answers the status. */
async function send(connection: RawConnection, target: string, ...lines: string[]): Promise<number> {
  connection.send(
    [`GET ${target} HTTP/1.1`, `Host: ${host}`, `Authorization: ${bearer()}`, ...lines, '', ''].join('\r\n'),
  );
  return (await connection.response()).status;
}

/** Every target that is none is answered 400, and nothing goes on. */
async function assertNotForwarded(attempt: (target: string) => Promise<number>): Promise<void> {
  const seen = rig.upstream.requests.length;
  for (const target of refused) assert.equal(await attempt(target), 400, JSON.stringify(target));
  assert.equal(rig.upstream.requests.length, seen);
}

describe('a path over HTTP/1.1', () => {
  it('is forwarded to the byte', async () => {
    const connection = await sandbox.connect(host);
    for (const path of forwarded) assert.equal(await arrived(() => send(connection, path), path), path);
    connection.close();
  });

  it('is refused where it is no request target', async () => {
    await assertNotForwarded(async (target) => {
      const connection = await sandbox.connect(host);
      const status = await send(connection, target);
      connection.close();
      return status;
    });
  });
});

describe('a path of an absolute URL', () => {
  it('is forwarded to the byte, inside a tunnel and to the proxy itself', async () => {
    const inside = await sandbox.connect(host);
    const outside = await connectPlain(sandbox.access);
    for (const path of forwarded) {
      const url = `https://${host}${path}`;
      assert.equal(await arrived(() => send(inside, url), url), path);
      const authorization = `Proxy-Authorization: ${sandbox.access.authorization}`;
      assert.equal(await arrived(() => send(outside, url, authorization), url), path);
    }
    inside.close();
    outside.close();
  });

  it('is `/` where the URL has none, before its query too', async () => {
    const outside = await connectPlain(sandbox.access);
    const authorization = `Proxy-Authorization: ${sandbox.access.authorization}`;
    for (const [rest, path] of [
      ['', '/'],
      ['?a=/../b', '/?a=/../b'],
    ]) {
      assert.equal(await arrived(() => send(outside, `https://${host}${rest}`, authorization), String(rest)), path);
    }
    outside.close();
  });

  it('does not reach into the authority, nor the authority into it', async () => {
    const seen = rig.upstream.requests.length;
    for (const [url, status] of [
      [`https://${host}\\@${elsewhere}/`, 400],
      [`https://${host}%2f@${elsewhere}/`, 400],
      [`https://${host};@${elsewhere}/`, 400],
      [`https://${host}\\.${elsewhere}/`, 400],
      [`https:\\\\${host}/`, 400],
      [`https:/${host}/`, 400],
      [`https:${host}/`, 400],
      [`https://${elsewhere}/../${host}/`, 421],
      [`https://${elsewhere}/?https://${host}/`, 421],
    ] as const) {
      const outside = await connectPlain(sandbox.access);
      assert.equal(await send(outside, url, `Proxy-Authorization: ${sandbox.access.authorization}`), status, url);
      outside.close();
    }
    assert.equal(rig.upstream.requests.length, seen);
  });
});

describe('a path over HTTP/2', () => {
  let session: ClientHttp2Session;
  before(async () => {
    session = await openHttp2Session(sandbox, host);
  });
  after(() => session?.close());

  const ask = async (path: string) => {
    const fields = { ':authority': host, ':path': path, authorization: bearer() };
    return Number((await askHttp2(session, fields)).headers[':status']);
  };

  it('is forwarded to the byte', async () => {
    for (const path of forwarded) assert.equal(await arrived(() => ask(path), path), path);
  });

  it('is refused where it is none', async () => {
    await assertNotForwarded(async (path) => {
      const stream = session.request({ ':authority': host, ':path': path, authorization: bearer() });
      let status = 0;
      stream.once('response', (headers) => (status = Number(headers[':status'])));
      stream.on('error', () => undefined).resume();
      await new Promise((resolve) => stream.once('close', resolve));
      // RFC 9113 section 8.1.1: a malformed request is a stream error, which may come behind an answer.
      assert.ok([constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_PROTOCOL_ERROR].includes(stream.rstCode), path);
      return status;
    });
    assert.equal(await arrived(() => ask('/after'), 'the session goes on'), '/after');
  });
});

describe('the audit trail', () => {
  it('has each path as it was sent, without its query, and no host but the one that was judged', async () => {
    const wanted = sent.map((target) => target.split('?', 1)[0] ?? '').toSorted(byCode);
    const rows = async () =>
      (await rig.server.client.secrets.audit('key', { limit: 200 })).filter(({ status }) => status === 200);
    await waitUntil(async () => (await rows()).length === wanted.length, { what: 'every row' });
    const found = await rows();
    assert.deepEqual(found.map(({ path }) => path ?? '').toSorted(byCode), wanted);
    assert.deepEqual(new Set(found.map((row) => row.host)), new Set([host]));
  });
});
