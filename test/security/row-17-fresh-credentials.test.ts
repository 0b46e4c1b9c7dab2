import assert from 'node:assert/strict';
import { gunzipSync, gzipSync } from 'node:zlib';
import { after, before, describe, it } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { headerValues } from '../support/http-bytes.ts';
import { waitUntil } from '../support/processes.ts';
import type { RawResponse } from '../support/proxy-client.ts';
import { chunked, sized } from '../support/replies.ts';
import type { Reply } from '../support/replies.ts';

/**
 * Row 17: an endpoint gives out a credential of its own for the stored one. The fresh one is the upstream's answer and
 * reaches the sandbox, as SECURITY.md says. What must hold: the stored one does not come back beside it, and nothing is
 * granted to the fresh one.
 */
const host = 'login.example.com';
const elsewhere = 'evil.example.net';
const fresh = 'ya29.fresh-0123456789-abcdefghijklmnop';
const freshRefresh = '1//fresh-refresh-zyxwvutsrqponm';
let rig: EgressRig;
let sandbox: RigSandbox;
let value: string;

before(async () => {
  rig = await startEgressRig({ names: [host, elsewhere] });
  value = await rig.secret({ name: 'client', auth: { type: 'basic', username: 'client-id' }, hosts: [host] });
  sandbox = await rig.sandbox({ CLIENT_SECRET: 'client' });
});
after(() => rig?.stop());

const basic = (password: string) => `Basic ${Buffer.from(`client-id:${password}`).toString('base64')}`;
const standIn = () => sandbox.standIn('CLIENT_SECRET');

/** Asks for a token as RFC 6749 has it. */
async function askToken(
  reply: () => Reply,
  { form = 'grant_type=client_credentials', authorization = basic(standIn()) } = {},
): Promise<{ response: RawResponse; sent: string }> {
  rig.answer('/token', reply);
  const connection = await sandbox.connect(host);
  connection.send(
    [
      'POST /token HTTP/1.1',
      `Host: ${host}`,
      `Authorization: ${authorization}`,
      'Content-Type: application/x-www-form-urlencoded',
      `Content-Length: ${form.length}`,
      '',
      form,
    ].join('\r\n'),
  );
  const response = await connection.response('POST');
  connection.close();
  const request = rig.requestsFor('/token').at(-1);
  assert.ok(request !== undefined);
  const content = (await request.body).content.toString();
  return { response, sent: `${headerValues(request.head, 'authorization').join()} ${content}` };
}

/** A request elsewhere with the token that was handed out; what arrived as its Authorization. */
async function use(at: string, token: string): Promise<string[]> {
  const connection = await sandbox.connect(at);
  connection.send(`GET /use HTTP/1.1\r\nHost: ${at}\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  assert.equal((await connection.response()).status, 200);
  connection.close();
  const request = rig.requestsFor('/use').at(-1);
  assert.equal(request?.connection.serverName, at);
  return headerValues(request?.head ?? { headers: [] }, 'authorization');
}

const grant = (more: object = {}) =>
  JSON.stringify({ access_token: fresh, refresh_token: freshRefresh, token_type: 'Bearer', expires_in: 3599, ...more });

describe('an answer that hands out a fresh credential', () => {
  it('is for the stored one, and arrives as it is, to the byte', async () => {
    const { response, sent } = await askToken(() =>
      sized(200, grant(), { 'Content-Type': 'application/json', 'Set-Cookie': `session=${fresh}; HttpOnly` }),
    );
    assert.equal(sent, `${basic(value)} grant_type=client_credentials`);
    assert.equal(response.body.content.toString(), grant());
    assert.equal(response.header('set-cookie'), `session=${fresh}; HttpOnly`);
    assert.equal(response.header('content-length'), String(grant().length));
  });

  it('arrives as it is in chunks of a byte, and coded', async () => {
    const split = await askToken(() => chunked(Array.from(grant())));
    assert.equal(split.response.body.content.toString(), grant());
    const coded = await askToken(() => sized(200, gzipSync(grant()), { 'Content-Encoding': 'gzip' }));
    assert.equal(gunzipSync(coded.response.body.content).toString(), grant());
  });

  const echoes: Record<string, (secret: string) => object> = {
    'the value': (secret) => ({ client_secret: secret }),
    'the header that it came in': (secret) => ({ request: { authorization: basic(secret) } }),
    'a link that holds it': (secret) => ({ next: `https://${host}/?client_secret=${encodeURIComponent(secret)}` }),
    'a fresh token that is made of it': (secret) => ({ access_token: `${secret}.${fresh}` }),
    'the bytes in hexadecimal': (secret) => ({ digest: Buffer.from(secret).toString('hex') }),
  };
  for (const [what, echo] of Object.entries(echoes)) {
    it(`gives back beside it, for ${what}, the stand-in's`, async () => {
      for (const wrap of [(text: string) => sized(200, text), (text: string) => chunked(Array.from(text))]) {
        const { response } = await askToken(() => wrap(grant(echo(value))));
        assert.equal(response.body.content.toString(), grant(echo(standIn())));
      }
    });
  }

  it('gives the stored one back in no header and no error either', async () => {
    const { response } = await askToken(() =>
      sized(401, JSON.stringify({ error: 'invalid_client', error_description: `bad secret ${value}` }), {
        'WWW-Authenticate': `Basic realm="${value}"`,
        Location: `https://${elsewhere}/?secret=${value}`,
      }),
    );
    assert.ok(!`${response.head.bytes.toString()}${response.body.content.toString()}`.includes(value));
    assert.equal(response.header('location'), `https://${elsewhere}/?secret=${standIn()}`);
  });
});

describe('the fresh credential', () => {
  it('is text and no stand-in: it goes where its sandbox sends it, as it is, and brings no value along', async () => {
    await askToken(() => sized(200, grant()));
    for (const at of [host, elsewhere]) assert.deepEqual(await use(at, fresh), [`Bearer ${fresh}`], at);
    // Its row is written after theirs, had they any.
    await askToken(() => sized(200, grant()));
    const asked = rig.requestsFor('/token').length;
    const paths = async () => (await rig.server.client.secrets.audit('client', { limit: 200 })).map(({ path }) => path);
    await waitUntil(async () => (await paths()).filter((path) => path === '/token').length === asked, {
      what: 'the last row',
    });
    assert.ok(!(await paths()).includes('/use'), 'it is no use of the secret');
  });

  it('opens nothing for the stand-in: that is refused at another host as before', async () => {
    const seen = rig.upstream.requests.length;
    const connection = await sandbox.connect(elsewhere);
    const authorization = `Authorization: ${basic(standIn())}`;
    connection.send(`GET /use HTTP/1.1\r\nHost: ${elsewhere}\r\n${authorization}\r\nX-Token: ${fresh}\r\n\r\n`);
    assert.equal((await connection.response()).header('x-standin-error'), 'credential_host_mismatch');
    connection.close();
    assert.equal(rig.upstream.requests.length, seen);
  });

  it('outlives the binding that it was got with, since only the upstream can end it', async () => {
    const own = await rig.sandbox({ CLIENT_SECRET: 'client' });
    const shared = sandbox;
    sandbox = own;
    try {
      await askToken(() => sized(200, grant()));
      await rig.server.client.sandboxes.detach(own.id, 'CLIENT_SECRET');
      assert.deepEqual(await use(elsewhere, fresh), [`Bearer ${fresh}`]);
      assert.deepEqual(await use(host, fresh), [`Bearer ${fresh}`]);
    } finally {
      sandbox = shared;
    }
  });
});

describe('a stored credential that a token endpoint wants in the form', () => {
  it('is not written there: the stand-in arrives as the text that it is', async () => {
    for (const form of [
      `grant_type=refresh_token&refresh_token=${standIn()}`,
      `grant_type=client_credentials&client_id=a&client_secret=${standIn()}`,
    ]) {
      const { sent } = await askToken(() => sized(200, grant()), { form, authorization: 'Bearer none' });
      assert.equal(sent, `Bearer none ${form}`);
    }
  });
});

describe('a rule', () => {
  it('cannot ask for a fresh credential to be kept from the sandbox: such a field is refused', async () => {
    for (const more of [
      { auth: { type: 'basic', capture: ['access_token'] } },
      { auth: { type: 'basic' }, capture: ['access_token'] },
    ]) {
      const answer = await fetch(`${rig.server.url}/secrets`, {
        method: 'POST',
        headers: { 'X-API-Key': rig.server.apiKey, 'Content-Type': 'application/json' },
        body: JSON.stringify({ name: 'captures', value: 'real-0123456789', hosts: [host], ...more }),
      });
      assert.equal(answer.status, 400);
      assert.match(await answer.text(), /capture/);
    }
  });
});
