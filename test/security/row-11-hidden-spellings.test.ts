import assert from 'node:assert/strict';
import type { ClientHttp2Session } from 'node:http2';
import { after, before, describe, it } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { hiddenSpellings } from '../support/hidden-spellings.ts';
import { headerValues } from '../support/http-bytes.ts';
import { askHttp2, openHttp2Session } from '../support/http2-client.ts';

/** Three layers with the base64 of Basic credentials: two are undone. */
const threeDeepInBasic = new Set(['percent-encoded twice', 'percent-encoded in base64']);

/** Row 11: a stand-in that is written in another way is found all the same, and judged by the same rule. */
const host = 'api.example.com';
/** May be reached; the secrets are not for it. */
const elsewhere = 'other.example.com';
let rig: EgressRig;
let sandbox: RigSandbox;
let value: string;

before(async () => {
  rig = await startEgressRig({ names: [host, elsewhere] });
  await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
  value = await rig.secret({ name: 'login', auth: { type: 'basic' }, hosts: [host] });
  sandbox = await rig.sandbox({ KEY: 'key', LOGIN: 'login' });
});
after(() => rig?.stop());

interface Asked {
  path: string;
  /** One line beside those that every request has. */
  line?: readonly [name: string, text: string];
}

/** Status and refusal, over HTTP/1.1. */
async function ask(at: string, { path, line }: Asked): Promise<[number, string | undefined]> {
  const connection = await sandbox.connect(at);
  const lines = line === undefined ? [] : [`${line[0]}: ${line[1]}`];
  connection.send([`GET ${path} HTTP/1.1`, `Host: ${at}`, ...lines, '', ''].join('\r\n'));
  const response = await connection.response();
  connection.close();
  return [response.status, response.header('x-standin-error')];
}

/** The same over HTTP/2. */
async function askOver(session: ClientHttp2Session, { path, line }: Asked): Promise<[number, string | undefined]> {
  const fields = { ':authority': host, ':path': path, ...(line === undefined ? {} : { [line[0]]: line[1] }) };
  const { headers } = await askHttp2(session, fields);
  const refusal = headers['x-standin-error'];
  return [Number(headers[':status']), typeof refusal === 'string' ? refusal : undefined];
}

const places: Record<string, (hidden: string) => Asked> = {
  'a header': (hidden) => ({ path: '/', line: ['x-note', `a ${hidden} b`] }),
  'the header of its slot': (hidden) => ({ path: '/', line: ['authorization', `Bearer ${hidden}`] }),
  'Basic credentials': (hidden) => ({
    path: '/',
    line: ['authorization', `Basic ${Buffer.from(`user:${hidden}`).toString('base64')}`],
  }),
  'the path': (hidden) => ({ path: `/a/${hidden}/b` }),
  'the query': (hidden) => ({ path: `/a?b=${hidden}&c=d` }),
};

for (const [how, hide] of Object.entries(hiddenSpellings)) {
  it(`a stand-in ${how} is refused wherever it stands, over HTTP/1.1 and HTTP/2, and told of`, async () => {
    const seen = rig.upstream.requests.length;
    const hidden = hide(sandbox.standIn('KEY'));
    const session = await openHttp2Session(sandbox, host);
    for (const [place, asked] of Object.entries(places)) {
      if (place === 'Basic credentials' && threeDeepInBasic.has(how)) continue;
      const expected = [403, 'credential_host_mismatch'];
      assert.deepEqual(await ask(host, asked(hidden)), expected, place);
      assert.deepEqual(await ask(elsewhere, asked(hidden)), expected, `${place}, at another host`);
      assert.deepEqual(await askOver(session, asked(hidden)), expected, `${place}, over HTTP/2`);
    }
    session.close();
    assert.equal(rig.upstream.requests.length, seen);
  });
}

describe('base64 where the rule itself wants it', () => {
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

  it('is read: the stand-in is swapped at its host, over HTTP/1.1 and HTTP/2', async () => {
    const line = ['authorization', basic(`user:${sandbox.standIn('LOGIN')}`)] as const;
    const session = await openHttp2Session(sandbox, host);
    assert.deepEqual(await ask(host, { path: '/basic', line }), [200, undefined]);
    assert.deepEqual(await askOver(session, { path: '/basic', line }), [200, undefined]);
    session.close();
    const sent = rig.requestsFor('/basic').map(({ head }) => headerValues(head, 'authorization'));
    assert.deepEqual(sent, [[basic(`user:${value}`)], [basic(`user:${value}`)]]);
  });

  it('is judged by the same rule: not at another host, not in another header, not in another place of its own', async () => {
    const seen = rig.upstream.requests.length;
    const standIn = sandbox.standIn('LOGIN');
    const [name, refused] = ['authorization', [403, 'credential_host_mismatch']];
    assert.deepEqual(await ask(elsewhere, { path: '/', line: [name, basic(`user:${standIn}`)] }), refused);
    assert.deepEqual(await ask(host, { path: '/', line: ['x-login', basic(`user:${standIn}`)] }), refused);
    assert.deepEqual(await ask(host, { path: '/', line: [name, basic(`user:${standIn}:more`)] }), refused);
    assert.deepEqual(await ask(host, { path: '/', line: [name, basic(`user:${sandbox.standIn('KEY')}`)] }), refused);
    assert.equal(rig.upstream.requests.length, seen);
  });
});

it('one that is bound to another sandbox is refused as such, hidden or not', async () => {
  const stranger = await rig.sandbox({ KEY: 'key' });
  for (const [how, hide] of Object.entries(hiddenSpellings)) {
    const hidden = hide(stranger.standIn('KEY'));
    const answer = await ask(host, { path: `/?k=${hidden}`, line: ['x-note', hidden] });
    assert.deepEqual(answer, [403, 'credential_not_bound'], how);
  }
});
