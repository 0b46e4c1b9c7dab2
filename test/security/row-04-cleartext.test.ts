import assert from 'node:assert/strict';
import { gunzipSync, gzipSync } from 'node:zlib';
import { after, before, describe, it } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { headerValues } from '../support/http-bytes.ts';
import { startPlainUpstream } from '../support/plain-upstream.ts';
import type { PlainUpstream } from '../support/plain-upstream.ts';
import { skipWithout } from '../support/processes.ts';
import { connectPlain, connectThroughProxy } from '../support/proxy-client.ts';
import type { RawConnection, RawResponse } from '../support/proxy-client.ts';
import { chunked, headOnly, sized } from '../support/replies.ts';
import type { Reply } from '../support/replies.ts';

/** Row 4: no real value goes over cleartext, whichever way it is asked, but to a host that the operator lists. */
const host = 'api.example.com';
/** The same secret is for it, and nobody lists it. */
const sibling = 'api.example.org';
const setting = 'STANDIN_EGRESS_CLEARTEXT_HOSTS';
let plain: PlainUpstream;
const answers = new Map<string, (authorization: string) => Reply>();

before(async () => {
  plain = await startPlainUpstream((head) => {
    const path = head.startLine.split(' ')[1] ?? '';
    const [authorization = ''] = headerValues(head, 'authorization');
    return answers.get(path)?.(authorization) ?? sized(200, 'plain');
  });
});
after(() => plain?.stop());

interface Cleartext {
  rig: EgressRig;
  sandbox: RigSandbox;
  value: string;
}

async function open(env: Record<string, string>): Promise<Cleartext> {
  const rig = await startEgressRig({
    names: [host, sibling],
    also: {
      [`${host}:80`]: plain.port,
      [`${host}:8080`]: plain.port,
      [`${sibling}:80`]: plain.port,
      [`x.${host}:80`]: plain.port,
    },
    server: { env },
  });
  const value = await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host, `*.${host}`, sibling] });
  return { rig, sandbox: await rig.sandbox({ KEY: 'key' }), value };
}

const credential = ({ sandbox }: Cleartext) => `Authorization: Bearer ${sandbox.standIn('KEY')}`;

/** A request on a connection to the proxy itself. */
async function inAbsoluteForm(
  { sandbox }: Cleartext,
  request: { url: string; host: string; lines?: string[] },
): Promise<RawResponse> {
  const connection = await connectPlain(sandbox.access);
  connection.send(
    [
      `GET ${request.url} HTTP/1.1`,
      `Host: ${request.host}`,
      `Proxy-Authorization: ${sandbox.access.authorization}`,
      ...(request.lines ?? []),
      '',
      '',
    ].join('\r\n'),
  );
  const response = await connection.response();
  connection.close();
  return response;
}

/** A request without TLS in a tunnel. */
async function throughConnect(
  { sandbox }: Cleartext,
  request: { host: string; port: number; path: string; lines?: string[] },
): Promise<RawResponse> {
  const connection = await plainTunnel(sandbox, `${request.host}:${request.port}`);
  const named = request.port === 80 ? request.host : `${request.host}:${request.port}`;
  connection.send([`GET ${request.path} HTTP/1.1`, `Host: ${named}`, ...(request.lines ?? []), '', ''].join('\r\n'));
  const response = await connection.response();
  connection.close();
  return response;
}

async function plainTunnel(sandbox: RigSandbox, target: string): Promise<RawConnection> {
  const connection = await connectPlain(sandbox.access);
  connection.send(
    `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\nProxy-Authorization: ${sandbox.access.authorization}\r\n\r\n`,
  );
  assert.equal((await connection.response('CONNECT')).status, 200);
  return connection;
}

function assertRefused(response: RawResponse): void {
  assert.deepEqual([response.status, response.header('x-standin-error')], [403, 'credential_host_mismatch']);
  assert.match(response.body.content.toString(), /cleartext/);
}

const here = { skip: skipWithout('bwrap', 'curl') };

/** Runs curl in a sandbox of our own, and answers what it wrote. */
async function curlInside({ rig }: Cleartext, name: string, args: string): Promise<string> {
  const { client } = rig.server;
  const inside = await client.sandboxes.create({ name, driver: 'bubblewrap', secrets: { KEY: 'key' } });
  try {
    const { exit_code, stdout, stderr } = await client.exec(inside, { command: `curl -sS --max-time 10 ${args}` });
    assert.equal(exit_code, 0, stderr);
    return stdout;
  } finally {
    await client.sandboxes.remove(inside.id);
  }
}

describe('where the operator lists nothing', () => {
  let ground: Cleartext;
  before(async () => {
    ground = await open({});
  });
  after(() => ground?.rig.stop());

  /** Nothing reaches the upstream meanwhile. */
  async function unseen(attempt: () => Promise<void>): Promise<void> {
    const seen = plain.heads.length;
    await attempt();
    assert.deepEqual(plain.heads.slice(seen), []);
    assert.ok(!plain.heads.join('').includes(ground.value));
  }

  it('a stand-in in its own slot is refused for http:// in absolute form', () =>
    unseen(async () => {
      for (const url of [`http://${host}/`, `HTTP://${host}:80/`, `http://${host}:8080/`]) {
        const named = new URL(url).host;
        assertRefused(await inAbsoluteForm(ground, { url, host: named, lines: [credential(ground)] }));
      }
    }));

  it('it is refused for port 80 through CONNECT, for another port without TLS, and for 443 without TLS', () =>
    unseen(async () => {
      for (const port of [80, 8080, 443]) {
        assertRefused(await throughConnect(ground, { host, port, path: '/', lines: [credential(ground)] }));
      }
    }));

  it('it is refused where the TLS of the tunnel is ended and the URL inside says http', () =>
    unseen(async () => {
      const connection = await connectThroughProxy(ground.sandbox.access, { host, ca: ground.sandbox.ca });
      connection.send(`GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n${credential(ground)}\r\n\r\n`);
      assert.equal((await connection.response()).header('x-standin-error'), 'misdirected_request');
      connection.close();
    }));

  it('it is refused on port 80 of a sandbox’s own namespace, and nothing is upgraded or downgraded', here, () =>
    unseen(async () => {
      const format = `-o /dev/null -w '%{http_code} %header{x-standin-error}'`;
      const answer = await curlInside(ground, 'plain', `${format} -H "Authorization: Bearer $KEY" http://${host}/`);
      assert.equal(answer, '403 credential_host_mismatch');
    }),
  );

  it('a redirect down to http comes back as it is, and is not followed here', () =>
    unseen(async () => {
      const location = `http://${host}/down`;
      ground.rig.answer('/up', () => headOnly(307, { Location: location, 'Content-Length': '0' }));
      const connection = await ground.sandbox.connect(host);
      connection.send(`GET /up HTTP/1.1\r\nHost: ${host}\r\n${credential(ground)}\r\n\r\n`);
      const response = await connection.response();
      assert.deepEqual([response.status, response.header('location')], [307, location]);
      assertRefused(await inAbsoluteForm(ground, { url: location, host, lines: [credential(ground)] }));
      connection.close();
    }));

  it('a client that follows the redirect itself has its stand-in refused', here, () =>
    unseen(async () => {
      const args = `-L --location-trusted -o /dev/null -w '%{num_redirects} %{http_code} %header{x-standin-error}'`;
      ground.rig.answer('/up', () => headOnly(307, { Location: `http://${host}/down`, 'Content-Length': '0' }));
      const answer = await curlInside(ground, 'follows', `${args} -H "Authorization: Bearer $KEY" https://${host}/up`);
      assert.equal(answer, '1 403 credential_host_mismatch');
    }),
  );

  it('what has no stand-in goes on as it is, and gets no credential', async () => {
    const bare = await inAbsoluteForm(ground, { url: `http://${host}/bare`, host });
    assert.equal(bare.body.content.toString(), 'plain');
    assert.equal(plain.heads.at(-1), `GET /bare HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    const own = 'Authorization: Bearer of-my-own';
    await throughConnect(ground, { host, port: 80, path: '/own', lines: [own] });
    assert.equal(plain.heads.at(-1), `GET /own HTTP/1.1\r\nHost: ${host}\r\n${own}\r\n\r\n`);
  });

  it('the log says nothing of it', () => assert.ok(!ground.rig.server.program.stderr().includes(setting)));
});

describe('a host that the operator lists', () => {
  let ground: Cleartext;
  before(async () => {
    ground = await open({ [setting]: `${host.toUpperCase()}, other.example.net` });
  });
  after(() => ground?.rig.stop());

  it('gets the real value in absolute form, through CONNECT and at any port', async () => {
    const lines = [credential(ground)];
    await inAbsoluteForm(ground, { url: `http://${host}/a?b=c`, host, lines });
    assert.equal(
      plain.heads.at(-1),
      `GET /a?b=c HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${ground.value}\r\n\r\n`,
    );
    for (const port of [80, 8080]) {
      const response = await throughConnect(ground, { host, port, path: `/${port}`, lines });
      assert.equal(response.status, 200);
      assert.ok(plain.heads.at(-1)?.endsWith(`Authorization: Bearer ${ground.value}\r\n\r\n`));
    }
  });

  it('gets it from a sandbox’s own namespace', here, async () => {
    assert.equal(await curlInside(ground, 'plain', `-H "Authorization: Bearer $KEY" http://${host}/inside`), 'plain');
    assert.match(plain.heads.at(-1) ?? '', /^GET \/inside /);
    assert.ok(plain.heads.at(-1)?.includes(`Bearer ${ground.value}\r\n`));
  });

  it('opens no other: not another host of the same secret, and not a name that only looks like it', async () => {
    const seen = plain.heads.length;
    const lines = [credential(ground)];
    for (const other of [sibling, `x.${host}`]) {
      assertRefused(await inAbsoluteForm(ground, { url: `http://${other}/`, host: other, lines }));
    }
    for (const other of ['example.com', 'other.example.net']) {
      const response = await inAbsoluteForm(ground, { url: `http://${other}/`, host: other, lines });
      assert.equal(response.header('x-standin-error'), 'credential_host_mismatch', other);
    }
    assert.equal(plain.heads.length, seen);
  });

  it('a stand-in out of its slot is refused there as anywhere', async () => {
    const seen = plain.heads.length;
    const lines = [`X-Note: ${ground.sandbox.standIn('KEY')}`];
    const response = await inAbsoluteForm(ground, { url: `http://${host}/`, host, lines });
    assert.equal(response.header('x-standin-error'), 'credential_host_mismatch');
    assert.equal(plain.heads.length, seen);
  });

  it('has its answers searched: the value comes back as the stand-in, in head and content, coded or split', async () => {
    const standIn = ground.sandbox.standIn('KEY');
    const lines = [credential(ground)];
    answers.set('/echo', (sent) => sized(200, `<${sent}>`, { 'X-Echo': sent }));
    const echoed = await inAbsoluteForm(ground, { url: `http://${host}/echo`, host, lines });
    assert.deepEqual(
      [echoed.header('x-echo'), echoed.body.content.toString()],
      [`Bearer ${standIn}`, `<Bearer ${standIn}>`],
    );
    answers.set('/gzip', (sent) => sized(200, gzipSync(sent), { 'Content-Encoding': 'gzip' }));
    const coded = await inAbsoluteForm(ground, { url: `http://${host}/gzip`, host, lines });
    assert.equal(gunzipSync(coded.body.content).toString(), `Bearer ${standIn}`);
    answers.set('/split', (sent) => chunked(Array.from(sent)));
    const split = await throughConnect(ground, { host, port: 80, path: '/split', lines });
    assert.equal(split.body.content.toString(), `Bearer ${standIn}`);
    answers.set('/unasked', () => sized(200, ground.value));
    const unasked = await throughConnect(ground, { host, port: 80, path: '/unasked' });
    assert.equal(unasked.body.content.toString(), standIn);
  });

  it('is told of in the log at the start, as a warning', () => {
    const line = ground.rig.server.program
      .stderr()
      .split('\n')
      .find((each) => each.includes(setting));
    assert.match(line ?? '', /"level":"warn"/);
    assert.ok(line?.includes(`"hosts":["${host}","other.example.net"]`));
  });
});
