import { createServer, connect } from 'node:net';
import type { Socket } from 'node:net';
import { readBody, readBytes, readHead } from '../support/http-bytes.ts';
import { runNginx } from '../support/nginx.ts';
import { freePort, listenOnLoopback } from '../support/ports.ts';
import type { FuzzCase } from './fuzz-case.ts';

/** A request as nginx understood it: what it sent upstream. */
export interface NginxRequest {
  method: string;
  target: string;
  fields: string[];
  content: string;
}

export interface NginxReading {
  requests: NginxRequest[];
  /** The status of each answer that the client got, in order: nginx's own refusal is the last one. */
  statuses: number[];
}

/** nginx as a reverse proxy, before an upstream that writes down what it gets. */
export interface NginxReader {
  read(fuzzed: FuzzCase): Promise<NginxReading>;
  stop(): Promise<void>;
}

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

export async function startNginxReader(): Promise<NginxReader> {
  let requests: NginxRequest[] = [];
  const upstream = createServer((socket) => {
    socket.on('error', () => undefined);
    void record(socket, (request) => requests.push(request)).catch(() => socket.destroy());
  });
  const upstreamPort = await listenOnLoopback(upstream);
  const port = await freePort();
  const nginx = await runNginx({ http: configuration(port, upstreamPort) }, port);
  return {
    read: async ({ bytes }) => {
      requests = [];
      const text = await send(port, bytes);
      // No answer here has content in which a line begins like this.
      const statuses = Array.from(text.matchAll(/^HTTP\/1\.1 (\d{3})/gm), (match) => Number(match[1]));
      return { requests, statuses: statuses.filter((status) => status !== 100) };
    },
    stop: async () => {
      await nginx.stop();
      await new Promise((resolve) => upstream.close(resolve));
    },
  };
}

/** Nothing is rewritten that need not be, and every header name passes. */
function configuration(port: number, upstreamPort: number): string {
  return `
    underscores_in_headers on; ignore_invalid_headers off; large_client_header_buffers 8 64k;
    server {
      listen 127.0.0.1:${port}; keepalive_requests 100000; client_max_body_size 0;
      location / {
        proxy_pass http://127.0.0.1:${upstreamPort}; proxy_http_version 1.1; proxy_ignore_client_abort on;
        proxy_set_header Host $http_host; proxy_set_header Connection "";
      }
    }`;
}

async function record(socket: Socket, onRequest: (request: NginxRequest) => void): Promise<void> {
  const reader = readBytes(socket);
  const head = await readHead(reader);
  const [method = '', target = ''] = head.startLine.split(' ');
  const { content } = await readBody(reader, head, 'none');
  onRequest({ method, target, fields: head.headers.flat(), content: content.toString('latin1') });
  socket.end(answer);
}

/** All that nginx answers until it closes. */
function send(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let text = '';
    socket
      .on('data', (piece: Buffer) => (text += piece.toString('latin1')))
      // It resets a connection whose bytes it did not read: what it answered before is told all the same.
      .on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
      })
      .on('close', () => resolve(text));
    socket.end(bytes);
  });
}
