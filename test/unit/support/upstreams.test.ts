import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, test } from 'node:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeAuthority } from '../../support/certificates.ts';
import { startGitServer } from '../../support/git-server.ts';
import { readBytes, readHead } from '../../support/http-bytes.ts';
import { startNginxUpstream } from '../../support/nginx.ts';
import { listenOnLoopback } from '../../support/ports.ts';
import { runProgram, skipWithout } from '../../support/processes.ts';
import { connectThroughProxy, TunnelRefused } from '../../support/proxy-client.ts';
import { chunked, closeDelimited, echo, headOnly, interim, sized } from '../../support/replies.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { startTlsUpstream } from '../../support/tls-upstream.ts';
import type { TlsUpstreamOptions } from '../../support/tls-upstream.ts';

const host = 'api.example.com';
const authority = makeAuthority();
const certificate = authority.issue([host]);
const cleanups: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** The least that a CONNECT proxy is: it relays to `port`, or answers 407 where nothing authorises. */
async function startRelay(port: number): Promise<number> {
  const server = createServer((client) => {
    void (async () => {
      const head = await readHead(readBytes(client));
      if (!head.headers.some(([name]) => name === 'Proxy-Authorization')) {
        client.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno');
        return;
      }
      client.removeAllListeners('data');
      const upstream = connect(port, '127.0.0.1', () => client.write('HTTP/1.1 200 Connection established\r\n\r\n'));
      client.pipe(upstream).pipe(client);
      for (const socket of [client, upstream]) socket.on('error', () => undefined);
    })();
  });
  cleanups.push(() => void server.close());
  return listenOnLoopback(server);
}

async function open(respond: NonNullable<TlsUpstreamOptions['respond']>) {
  const upstream = await startTlsUpstream({ certificate, respond });
  cleanups.push(() => upstream.stop());
  const port = await startRelay(upstream.port);
  const client = await connectThroughProxy({ port, authorization: 'Basic eDp5' }, { host, ca: authority.certPem });
  cleanups.push(() => client.close());
  return { upstream, client };
}

test('the echo gives back a chunked request to the byte, with its trailers', async () => {
  const { upstream, client } = await open(echo);
  const request =
    'POST /a?b=%20c HTTP/1.1\r\nhOst: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n';
  client.send(request);
  const response = await client.response('POST');
  assert.equal(response.body.content.toString('latin1'), request);
  assert.deepEqual((await upstream.requests[0]?.body)?.trailers, [['X-Sum', '1']]);
  assert.equal(upstream.connections[0]?.serverName, host);
  assert.equal(upstream.receivedText(), request);
});

test('each way to frame a response is read whole, on one connection', async () => {
  const script: Record<string, () => ReturnType<typeof sized>> = {
    '/sized': () => sized(200, 'four'),
    '/chunked': () => chunked(['one', 'two'], { trailers: { 'X-End': 'yes' } }),
    '/hints': () => interim(103, sized(200, 'after'), { Link: '</a>' }),
    '/none': () => headOnly(204),
    '/same': () => headOnly(304, { 'Content-Length': '99' }),
    '/last': () => closeDelimited('until the end'),
  };
  const { client } = await open((request) => script[request.target]?.() ?? sized(404));
  const get = async (target: string, method = 'GET') => {
    client.send(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    return client.response(method);
  };
  assert.equal((await get('/sized')).body.content.toString(), 'four');
  const { body } = await get('/chunked');
  assert.deepEqual([body.content.toString(), body.trailers], ['onetwo', [['X-End', 'yes']]]);
  assert.equal((await get('/hints')).status, 103);
  assert.equal((await client.response()).body.content.toString(), 'after');
  assert.equal((await get('/none')).status, 204);
  assert.equal((await get('/same')).header('content-length'), '99');
  assert.equal((await get('/last')).body.content.toString(), 'until the end');
});

test('a refused tunnel is thrown with the response that refused it', async () => {
  const port = await startRelay(9);
  await assert.rejects(connectThroughProxy({ port }, { host, ca: authority.certPem }), (error) => {
    assert.ok(error instanceof TunnelRefused);
    assert.equal(error.response.status, 407);
    return true;
  });
});

test('a certificate of another authority, or past its time, does not pass', async () => {
  for (const [wrong, code] of [
    [makeAuthority('Somebody else').issue([host]), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    [authority.issue([host], { days: -1 }), 'CERT_HAS_EXPIRED'],
    [authority.issue(['other.example.com']), 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ] as const) {
    const upstream = await startTlsUpstream({ certificate: wrong });
    cleanups.push(() => upstream.stop());
    const port = await startRelay(upstream.port);
    const attempt = connectThroughProxy({ port, authorization: 'Basic eDp5' }, { host, ca: authority.certPem });
    await assert.rejects(attempt, { code });
  }
});

test('nginx logs the headers that it received', { skip: skipWithout('nginx') }, async () => {
  const nginx = await startNginxUpstream([
    { name: host, certificate, directives: 'location / { return 200 "hello"; }' },
  ]);
  cleanups.push(() => nginx.stop());
  const port = await startRelay(nginx.port);
  const client = await connectThroughProxy({ port, authorization: 'Basic eDp5' }, { host, ca: authority.certPem });
  cleanups.push(() => client.close());
  client.send(`GET /x?y="1" HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer "quoted"\r\n\r\n`);
  assert.equal((await client.response()).body.content.toString(), 'hello');
  const entry = await nginx.waitForLog((each) => each.host === host);
  assert.deepEqual(
    [entry.target, entry.headers['authorization'], entry.headers['cookie']],
    ['/x?y="1"', 'Bearer "quoted"', ''],
  );
});

test('git clones and pushes with the right password, and not with another', { skip: skipWithout('git') }, async () => {
  const server = await startGitServer({
    certificate: authority.issue(['localhost']),
    username: 'x-access-token',
    password: 'real',
  });
  const directory = temporaryDirectory('clone');
  cleanups.push(
    () => server.stop(),
    () => directory.remove(),
  );
  await server.addRepository('project', { 'README.md': 'hello\n' });
  const root = join(directory.path, 'ca.pem');
  writeFileSync(root, authority.certPem);
  const env = { PATH: process.env['PATH'] ?? '', HOME: directory.path, GIT_SSL_CAINFO: root, GIT_TERMINAL_PROMPT: '0' };
  const shell = (line: string) => runProgram('sh', ['-ec', line], { cwd: directory.path, env });
  const clone = await shell(`git clone -q https://x-access-token:real@localhost:${server.port}/project.git mine`);
  assert.equal(clone.code, 0, clone.stderr);
  const push = await shell(
    'cd mine; echo more > new.txt; git add .; git -c user.name=T -c user.email=t@example.com commit -q -m More; git push -q',
  );
  assert.equal(push.code, 0, push.stderr);
  assert.equal(await server.readFile('project', 'new.txt'), 'more\n');
  const refused = await shell(`git clone -q https://x-access-token:wrong@localhost:${server.port}/project.git other`);
  assert.notEqual(refused.code, 0);
  assert.equal(server.requests.at(-1)?.status, 401);
});
