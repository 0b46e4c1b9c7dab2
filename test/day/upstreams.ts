import { createServer } from 'node:https';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import { z } from 'zod';
import { startBothVersionsUpstream } from '../support/both-versions-upstream.ts';
import type { Authority } from '../support/certificates.ts';
import { startGitServer } from '../support/git-server.ts';
import { npmRegistry, pythonIndex } from '../support/package-registries.ts';
import type { RegistryFiles } from '../support/package-registries.ts';
import { listenOnLoopback } from '../support/ports.ts';
import { hasStandIn, valuesIn } from '../soak/marks.ts';
import { judge } from './claims.ts';
import type { DayFindings } from './claims.ts';
import { readConversation } from './conversation.ts';
import { secrets } from './credentials.ts';
import type { Credentials } from './credentials.ts';
import { farewell, greeting, turnsOf } from './model.ts';
import type { Agent, Turn } from './model.ts';
import { anthropicEvents, openaiEvents } from './sse.ts';

/** A request that arrived. */
export interface Arrival {
  /** Unix time in ms. */
  at: number;
  host: string;
  method: string;
  /** Without the query. */
  path: string;
  /** Whether it brought a credential. */
  authorized: boolean;
}

/** All that the sandbox talks to, on loopback, under the names of the real ones. */
export interface DayUpstreams {
  /** The loopback port for each name. */
  ports: Record<string, number>;
  arrivals(): Arrival[];
  /** How many jobs each agent has done. */
  jobs: Record<Agent, number>;
  /** Agents hear at the end of their job that it was the last. */
  endTheDay(): void;
  readPushed(path: string): Promise<string>;
  stop(): Promise<void>;
}

export interface DayUpstreamsOptions {
  authority: Authority;
  credentials: Credentials;
  findings: DayFindings;
  /** The interpreter that packs the Python package. */
  python: string;
  /** Between two events of a model's answer. */
  paceMs: number;
  /** Told all that comes out of the sandbox by way of an upstream. */
  seen: (content: string) => void;
}

export async function startDayUpstreams(options: DayUpstreamsOptions): Promise<DayUpstreams> {
  const { authority, credentials, findings } = options;
  const arrivals: Arrival[] = [];
  const jobs = { claude: 0, codex: 0 };
  let over = false;

  function arrive(request: {
    headers: IncomingHttpHeaders;
    method?: string | undefined;
    url?: string | undefined;
  }): string {
    const { host = '', authorization = '', 'x-api-key': key } = request.headers;
    const path = (request.url ?? '').replace(/\?.*/, '');
    const credential = decoded(typeof key === 'string' ? key : authorization);
    const arrival = { at: Date.now(), host, method: request.method ?? '', path, authorized: credential !== '' };
    arrivals.push(arrival);
    const head = JSON.stringify([request.url, request.headers, credential]);
    judge(findings, 'stand_in_upstream', hasStandIn(head) && `${host}${path}: ${head}`);
    if (credential !== '') {
      const wrong = credentials.wrongWith(credential, arrival);
      judge(findings, 'credential', wrong && `${host}${path}: ${wrong}`);
    }
    return credential;
  }

  const npm = npmRegistry('https://npm.example.com', greeting);
  const files = new Map([
    ['npm.example.com', npm],
    ['pypi.example.com', pythonIndex(options.python, greeting)],
  ]);
  const web = await startBothVersionsUpstream(
    authority.issue(['api.anthropic.com', 'api.openai.com', ...files.keys()]),
    (request, response) => {
      // HTTP/2 has it in another place.
      const host = request.headers.host ?? request.headers[':authority'] ?? '';
      const credential = arrive({ headers: { ...request.headers, host }, method: request.method, url: request.url });
      const file = files.get(host)?.get(decodeURIComponent(request.url));
      if (credential === '') response.writeHead(401, { 'www-authenticate': 'Basic realm="packages"' }).end();
      else if (file !== undefined) response.writeHead(200, { 'content-type': file.type }).end(file.content);
      else if (request.method === 'POST') void converse({ request, response, host, credential });
      else if (request.url === '/v1/models') response.end(JSON.stringify({ you: credential }));
      else response.writeHead(404).end();
    },
  );

  async function converse(call: {
    request: Http2ServerRequest;
    response: Http2ServerResponse;
    host: string;
    credential: string;
  }): Promise<void> {
    const { request, response, credential } = call;
    const agent: Agent = call.host === 'api.anthropic.com' ? 'claude' : 'codex';
    const body = await text(request);
    options.seen(body);
    const { job, answered, output } = readConversation(agent, body);
    const turns = turnsOf(agent, job);
    const before = turns[answered - 1];
    if (before !== undefined) {
      const right = before.expects.test(output);
      judge(findings, 'work', !right && `${agent}, job ${job}, "${before.says}": ${JSON.stringify(output)}`);
      judge(findings, 'echoes', !hasStandIn(body) && `${agent}, job ${job}: what it was told is not there`);
    }
    const next = turns[answered] ?? turns.at(-1);
    if (next === undefined) throw new Error(`${agent} has nothing to do`);
    if (next.command === null) jobs[agent] = job;
    const turn: Turn = over && next.command === null ? { ...next, says: farewell } : next;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': credential });
    const events = agent === 'claude' ? anthropicEvents(turn, credential) : openaiEvents(turn, credential);
    for (const pieces of events) {
      for (const piece of pieces) {
        response.write(piece);
        await delay(options.paceMs);
      }
    }
    response.end();
  }

  const sockets = createServer(
    keysOf(authority.issue(['socket.example.com', 'crm.example.com'])),
    (request, response) => response.end(`you are ${arrive(request)}`),
  );
  new WebSocketServer({ server: sockets }).on('connection', (socket, request: IncomingMessage) => {
    const credential = arrive(request);
    socket.send(credential);
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => {
      options.seen(data.toString('latin1'));
      socket.send(`${data.toString('utf8')} heard ${credential}`);
    });
  });
  const socketPort = await listenOnLoopback(sockets);

  const git = await startGitServer({
    certificate: authority.issue(['github.com']),
    username: 'x-access-token',
    password: (given) => {
      const wrong = credentials.wrongWith(given, { host: 'github.com', at: Date.now() });
      judge(findings, 'credential', wrong && `github.com: ${wrong}`);
      return valuesIn(given).length > 0;
    },
  });
  await git.addRepository('project', projectFiles(npm));

  const gitArrivals = () =>
    git.requests.map(({ at, method, target, authorization }) => ({
      at,
      host: 'github.com',
      method,
      path: target.replace(/\?.*/, ''),
      authorized: authorization !== undefined,
    }));

  return {
    ports: Object.fromEntries(
      secrets.map(({ name, host }) => [
        host,
        name === 'github' ? git.port : name === 'socket' || name === 'crm' ? socketPort : web.port,
      ]),
    ),
    arrivals: () => [...arrivals, ...gitArrivals()],
    jobs,
    endTheDay: () => {
      over = true;
    },
    readPushed: (path) => git.readFile('project', path),
    stop: async () => {
      const closed = new Promise((resolve) => sockets.close(resolve));
      sockets.closeAllConnections();
      await Promise.all([closed, web.stop(), git.stop()]);
    },
  };
}

function keysOf({ certPem, keyPem }: { certPem: string; keyPem: string }) {
  return { cert: certPem, key: keyPem };
}

/** What Basic credentials say; others as they are. */
function decoded(credential: string): string {
  const [, encoded] = /^Basic (.*)$/i.exec(credential) ?? [];
  return encoded === undefined ? credential : Buffer.from(encoded, 'base64').toString('utf8');
}

/** A project that needs the package of the npm registry, with the lock that names it. */
function projectFiles(registry: RegistryFiles): Record<string, string> {
  const entry = z
    .object({
      versions: z.record(z.string(), z.object({ dist: z.object({ tarball: z.string(), integrity: z.string() }) })),
    })
    .parse(JSON.parse(registry.get('/standin-sample')?.content.toString() ?? ''));
  const dist = entry.versions['1.0.0']?.dist;
  const dependencies = { 'standin-sample': '1.0.0' };
  const manifest = { name: 'project', version: '1.0.0', private: true, dependencies };
  const installed = { version: '1.0.0', resolved: dist?.tarball, integrity: dist?.integrity };
  const packages = { '': manifest, 'node_modules/standin-sample': installed };
  return {
    'package.json': JSON.stringify(manifest, null, 2),
    'package-lock.json': JSON.stringify({ ...manifest, lockfileVersion: 3, requires: true, packages }, null, 2),
    '.npmrc': 'registry=https://npm.example.com/\n//npm.example.com/:_authToken=${NPM_TOKEN}\n',
    'notes.md': 'job 0\n',
  };
}
