import { execFileSync } from 'node:child_process';
import { createReadStream, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join, normalize } from 'node:path';
import { TLSSocket } from 'node:tls';
import { makeCertificate } from './certificate.ts';
import { listenOnLoopback } from './loopback.ts';

/** What the demo tells its upstream: over IPC, so that no value is in an argument or a variable. */
export interface UpstreamOrder {
  /** For the repository. */
  directory: string;
  /** Where programs are found. */
  path: string;
  apiHost: string;
  gitHost: string;
  elsewhere: string;
  /** What `Authorization` must be for the API, and for git. */
  apiAuthorization: string;
  gitAuthorization: string;
}

export type UpstreamReport =
  | { kind: 'ready'; port: number; certPem: string }
  | { kind: 'request'; request: ReceivedRequest };

/** A request as it arrived. */
export interface ReceivedRequest {
  /** The name that TLS was asked for. */
  host: string;
  method: string;
  target: string;
  /** Name, value, name, value: as they came. */
  rawHeaders: string[];
  authorization: string | null;
  status: number;
}

/**
 * The whole life of the upstream's own process: an API, a git server (the static files of a repository) and a host that
 * wants no key, on one TLS port. Ends when its parent goes.
 */
export async function runUpstream(): Promise<void> {
  const order = await new Promise<UpstreamOrder>((resolve) => {
    process.once('message', (message: UpstreamOrder) => resolve(message));
  });
  const repositories = makeRepository(order);
  const { certPem, keyPem } = await makeCertificate([order.apiHost, order.gitHost, order.elsewhere]);
  const server = createServer({ cert: certPem, key: keyPem }, (request, response) => {
    const host = (request.socket instanceof TLSSocket && request.socket.servername) || '';
    request.resume();
    response.on('finish', () =>
      report({ kind: 'request', request: describe(request, { host, status: response.statusCode }) }),
    );
    if (host === order.apiHost) answerApi(request, response, order);
    else if (host === order.gitHost) answerGit(request, response, { order, repositories });
    else answer(response, 200, { hello: 'stranger' });
  });
  report({ kind: 'ready', port: await listenOnLoopback(server), certPem });
  await new Promise((resolve) => process.once('disconnect', resolve));
  server.closeAllConnections();
  server.close();
}

function report(message: UpstreamReport): void {
  process.send?.(message);
}

function describe(request: IncomingMessage, { host, status }: { host: string; status: number }): ReceivedRequest {
  const { method = '', url = '', rawHeaders, headers } = request;
  return { host, method, target: url, rawHeaders, authorization: headers.authorization ?? null, status };
}

function answerApi(request: IncomingMessage, response: ServerResponse, order: UpstreamOrder): void {
  if (request.headers.authorization === order.apiAuthorization)
    answer(response, 200, { account: 'acme', plan: 'team' });
  else answer(response, 401, { error: 'this key is not known' });
}

/** Git's "dumb" protocol (gitprotocol-http): plain files, which need no program behind the server. */
function answerGit(
  request: IncomingMessage,
  response: ServerResponse,
  { order, repositories }: { order: UpstreamOrder; repositories: string },
): void {
  if (request.headers.authorization !== order.gitAuthorization) {
    response.setHeader('WWW-Authenticate', 'Basic realm="demo"');
    answer(response, 401, { error: 'sign in' });
    return;
  }
  const path = join(repositories, normalize(new URL(request.url ?? '/', 'https://git').pathname));
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true)
    return answer(response, 404, { error: 'no such file' });
  response.setHeader('Content-Type', 'application/octet-stream');
  createReadStream(path).pipe(response);
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

/** A bare repository with one commit, below the directory that is returned. */
function makeRepository({ directory, path }: UpstreamOrder): string {
  const work = join(directory, 'work');
  const served = join(directory, 'served');
  const bare = join(served, 'app.git');
  mkdirSync(work);
  mkdirSync(served);
  writeFileSync(join(work, 'README.md'), 'The private repository of the demo.\n');
  const git = (args: string[]) =>
    execFileSync('git', args, {
      cwd: work,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: path, HOME: directory, GIT_CONFIG_NOSYSTEM: '1' },
    });
  git(['init', '-q', '-b', 'main']);
  git(['add', '.']);
  git(['-c', 'user.name=Demo', '-c', 'user.email=demo@example.com', 'commit', '-q', '-m', 'One commit']);
  git(['clone', '-q', '--bare', work, bare]);
  git(['-C', bare, 'update-server-info']);
  return served;
}
