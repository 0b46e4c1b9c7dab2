import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { carriedStandIns } from './inject.ts';
import { compileSandbox, placeIn } from './inject-plan.ts';
import type { Swap } from './inject-slots.ts';
import type { SandboxSnapshot } from './ports.ts';
import { isRefusalCode } from './refusals.ts';
import type { RefusalCode } from './refusals.ts';
import { judgeRequest } from './request-judge.ts';
import { resolveRequest } from './target.ts';
import { parseRequestHead } from './wire/http1-request.ts';
import { WireError } from './wire/wire-error.ts';

/** Lines of a head as they are written, without a body. */
type Lines = readonly (readonly [name: string, value: string])[];

/** How long a provider may take, and how much of its answer is read, at most. */
const patienceMs = 15_000;
const readAtMost = 256 * 1024;

/** What the proxy would do with a request: the same judgement as in a worker, on rules that nobody holds. */
export function judgeProbe(
  snapshot: SandboxSnapshot,
  { method, url, headers }: { method: string; url: URL; headers: Lines },
  cleartextHosts: ReadonlySet<string>,
) {
  const lines = [`${method} ${url.pathname}${url.search} HTTP/1.1`, `Host: ${url.host}`];
  for (const [name, value] of headers) {
    if (/[\r\n]/.test(name + value)) return { unreadable: 'a header must not hold a line break' };
    lines.push(`${name}: ${value}`);
  }
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  const head = parseRequestHead(bytes, 0, bytes.length);
  if (head instanceof WireError) return { unreadable: `the request is not valid HTTP: ${head.reason}` };
  const rules = compileSandbox(snapshot, cleartextHosts);
  const scheme = url.protocol === 'http:' ? ('http' as const) : ('https' as const);
  const port = url.port === '' ? (scheme === 'http' ? 80 : 443) : Number(url.port);
  const destination = { host: url.hostname, port, scheme, isAddress: false };
  const judged = judgeRequest({ snapshot, rules }, { head, trailers: null, destination, misdirected: null });
  if (judged.kind === 'go') {
    return {
      outcome: judged.swaps.length === 0 ? ('passed' as const) : ('swapped' as const),
      standIns: judged.swaps.map((swap) => ({ slot: placeIn(swap.opening.slot), swapped: true })),
      wouldSend: judged.swaps.flatMap(written),
      code: null,
      message: null,
    };
  }
  const target = resolveRequest(destination, head);
  const { foreign } =
    judged.foreign.length > 0 ? judged : carriedStandIns(rules, head, 'refused' in target ? null : target);
  return {
    outcome: 'refused' as const,
    standIns: foreign.map(({ slot }) => ({ slot, swapped: false })),
    wouldSend: [],
    code: judged.refused.code,
    message: judged.refused.message,
  };
}

function written(swap: Swap): string[] {
  if (swap.place === 'query') {
    return swap.opening.slot.kind === 'query' ? [`?${swap.opening.slot.name}={{value}}`] : [];
  }
  if (swap.place === 'header') return swap.opening.written.map(({ head, tail }) => `${head}{{value}}${tail.trimEnd()}`);
  const user = swap.slot.username ?? swap.username ?? 'x';
  return [`Authorization: Basic base64(${swap.slot.place === 'username' ? '{{value}}:' : `${user}:{{value}}`})`];
}

/** Sends one request through the proxy as a sandbox run elsewhere would, and keeps nothing of the answer but its status. */
export async function sendProbe(
  call: {
    sandboxId: string;
    token: string;
    method: string;
    url: URL;
    headers: Lines;
    body: string | null;
    look: string | null;
  },
  proxy: { host: string; port: number; caPem: string },
): Promise<{ status: number | null; latencyMs: number; errorCode: string | null; said: boolean }> {
  const begun = performance.now();
  const took = () => Math.round(performance.now() - begun);
  const signal = AbortSignal.timeout(patienceMs);
  const nothing = { status: null, said: false };
  let socket: Duplex | null = null;
  try {
    const tunnel = await openTunnel(call, proxy, signal);
    if ('errorCode' in tunnel) return { ...nothing, latencyMs: took(), errorCode: tunnel.errorCode };
    socket = tunnel.socket;
    const { hostname } = call.url;
    const secure = connectTls({ socket, servername: hostname, ca: proxy.caPem, ALPNProtocols: ['http/1.1'] });
    const response = await ask(call, secure, signal);
    const errorCode = refusalOf(response);
    const latencyMs = took();
    const said = call.look === null ? false : await holds(response, call.look, signal);
    if (errorCode !== null) return { ...nothing, latencyMs, errorCode };
    return { status: response.statusCode ?? null, latencyMs, errorCode: null, said };
  } catch {
    return { ...nothing, latencyMs: took(), errorCode: signal.aborted ? 'upstream_timeout' : 'upstream_unreachable' };
  } finally {
    socket?.destroy();
  }
}

/** The code with which the proxy refused, or null. */
function refusalOf({ headers }: IncomingMessage): RefusalCode | null {
  const code = headers['x-standin-error'];
  return typeof code === 'string' && isRefusalCode(code) ? code : null;
}

function openTunnel(
  { sandboxId, token, url }: { sandboxId: string; token: string; url: URL },
  proxy: { host: string; port: number },
  signal: AbortSignal,
): Promise<{ socket: Duplex } | { errorCode: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ socket: Duplex } | { errorCode: string }>();
  const request = httpRequest({
    host: proxy.host,
    port: proxy.port,
    method: 'CONNECT',
    path: `${url.hostname}:443`,
    headers: { 'proxy-authorization': `Basic ${Buffer.from(`${sandboxId}:${token}`).toString('base64')}` },
    agent: false,
    signal,
  });
  request.on('connect', (response, socket) => {
    if (response.statusCode === 200) resolve({ socket });
    else {
      socket.destroy();
      resolve({ errorCode: refusalOf(response) ?? 'upstream_unreachable' });
    }
  });
  request.on('error', reject);
  request.end();
  return promise;
}

function ask(
  { method, url, headers, body }: { method: string; url: URL; headers: Lines; body: string | null },
  socket: Duplex,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const lines: Record<string, string> = { host: url.host, accept: '*/*', connection: 'close' };
  for (const [name, value] of headers) lines[name.toLowerCase()] = value;
  const request = httpRequest({
    createConnection: () => socket,
    method,
    path: `${url.pathname}${url.search}`,
    headers: lines,
    signal,
  });
  request.on('response', resolve).on('error', reject);
  socket.on('error', reject);
  request.end(body ?? undefined);
  return promise;
}

/** Whether a text is at the beginning of an answer. */
async function holds(response: IncomingMessage, text: string, signal: AbortSignal): Promise<boolean> {
  let read = '';
  for await (const chunk of response) {
    read += Buffer.from(chunk).toString('latin1');
    if (read.includes(text)) return true;
    if (read.length > readAtMost || signal.aborted) return false;
  }
  return false;
}
