import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { ServerCertificate } from './certificates.ts';
import { readBytes, readHead } from './http-bytes.ts';
import { listenOnLoopback } from './ports.ts';
import { runProgram } from './processes.ts';
import { temporaryDirectory } from './temporary.ts';

/** `git http-backend` behind TLS and basic authentication, as a forge serves it. */
export interface GitServer {
  port: number;
  /** Every request: when it came (Unix time in ms), what it asked, and with which `Authorization`. */
  requests: { at: number; method: string; target: string; authorization: string | undefined; status: number }[];
  /** Makes `/<name>.git` with one commit that holds `files`. */
  addRepository(name: string, files: Record<string, string>): Promise<void>;
  /** A file of a repository's branch `main`, as the server has it. Throws where it is not there. */
  readFile(name: string, path: string): Promise<string>;
  stop(): Promise<void>;
}

/** Clone, fetch and push for whoever sends `Basic <username>:<password>`; 401 for others. A password may be judged instead. */
export async function startGitServer(options: {
  certificate: ServerCertificate;
  username: string;
  password: string | ((given: string) => boolean);
}): Promise<GitServer> {
  const root = temporaryDirectory('git');
  const requests: GitServer['requests'] = [];
  const { password } = options;
  const accepts = (given: string) => (typeof password === 'string' ? given === password : password(given));
  const server = createServer(
    { cert: options.certificate.certPem, key: options.certificate.keyPem },
    (request, response) => {
      const { authorization } = request.headers;
      const entry = {
        at: Date.now(),
        method: request.method ?? '',
        target: request.url ?? '',
        authorization,
        status: 0,
      };
      requests.push(entry);
      response.on('finish', () => {
        entry.status = response.statusCode;
      });
      const [username, given] = basicCredentials(authorization);
      if (username === options.username && accepts(given)) {
        serve({ request, response, root: root.path, user: options.username }).catch((error: unknown) => {
          response.destroy(error instanceof Error ? error : new Error(String(error)));
        });
      } else {
        request.resume();
        response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="git"' }).end();
      }
    },
  );
  const git = (args: string[], cwd: string) => runGit(args, { cwd, home: root.path });
  return {
    port: await listenOnLoopback(server),
    requests,
    addRepository: async (name, files) => {
      const work = join(root.path, 'work', name);
      mkdirSync(work, { recursive: true });
      for (const [path, content] of Object.entries(files)) writeFileSync(join(work, path), content);
      await git(['init', '-q', '-b', 'main'], work);
      await git(['add', '.'], work);
      await git(['-c', 'user.name=Seed', '-c', 'user.email=seed@example.com', 'commit', '-q', '-m', 'Seed'], work);
      await git(['clone', '-q', '--bare', work, join(root.path, `${name}.git`)], root.path);
    },
    readFile: (name, path) => git(['show', `main:${path}`], join(root.path, `${name}.git`)),
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      root.remove();
    },
  };
}

/** User name and password (RFC 7617); empty where there are none. */
function basicCredentials(authorization = ''): [username: string, password: string] {
  const [, encoded = ''] = /^Basic ([A-Za-z0-9+/]+=*)$/.exec(authorization) ?? [];
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? ['', ''] : [text.slice(0, colon), text.slice(colon + 1)];
}

async function runGit(args: string[], options: { cwd: string; home: string }): Promise<string> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: options.home, GIT_CONFIG_NOSYSTEM: '1' };
  const { code, stdout, stderr } = await runProgram('git', args, { cwd: options.cwd, env });
  if (code !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** CGI as `git help http-backend` describes it. */
async function serve(call: {
  request: IncomingMessage;
  response: ServerResponse;
  root: string;
  user: string;
}): Promise<void> {
  const { request, response } = call;
  const url = new URL(request.url ?? '/', 'https://localhost');
  const backend = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      PATH: process.env['PATH'],
      HOME: call.root,
      GIT_PROJECT_ROOT: call.root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      REMOTE_USER: call.user,
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      ...(request.headers['content-length'] === undefined ? {} : { CONTENT_LENGTH: request.headers['content-length'] }),
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    },
  });
  response.on('close', () => backend.kill());
  backend.stdin.on('error', () => undefined);
  request.pipe(backend.stdin);
  const reader = readBytes(backend.stdout);
  const head = await readHead(reader, { startLine: false });
  for (const [name, value] of head.headers) {
    if (name === 'Status') response.statusCode = Number.parseInt(value, 10);
    else response.appendHeader(name, value);
  }
  response.end(await reader.toEnd());
}
