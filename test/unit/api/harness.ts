import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { Writable } from 'node:stream';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { createApi } from '../../../src/api/create-api.ts';
import type { ApiOptions } from '../../../src/api/create-api.ts';
import type { SiteOptions } from '../../../src/api/sites.ts';
import { statusOf } from '../../../src/api/problems.ts';
import { createClient } from '../../../src/client/client.ts';
import type { Client } from '../../../src/client/client.ts';
import { createOpenApi } from '../../../src/contract/openapi.ts';
import { createExternalDriver } from '../../../src/sandbox/external.ts';
import type { SandboxDriver } from '../../../src/sandbox/driver.ts';
import type { Vault, VaultSystem } from '../../../src/vault/types.ts';
import { startVault } from '../vault/harness.ts';
import type { Harness as VaultHarness } from '../vault/harness.ts';
import { ProcessDriver } from './process-driver.ts';

/** The API on a loopback port over a real vault, store and processes. */
export interface Server {
  url: string;
  port: number;
  apiKey: string;
  client: Client;
  driver: ProcessDriver;
  vault: VaultSystem;
  vaultHarness: VaultHarness;
  /** Everything that was logged, before any redaction. */
  logged: () => string;
  close: () => Promise<void>;
}

export const dataplaneDomain = 'sandbox.localhost';

export interface ServerOptions {
  health?: () => Promise<void>;
  drainMs?: number;
  requestTimeoutMs?: number;
  requestStreams?: ApiOptions['requestStreams'];
  sites?: SiteOptions;
  /** Puts something between the API and the vault. */
  wrap?: (vault: VaultSystem) => Vault;
}

export async function startServer(t: TestContext, options: ServerOptions = {}): Promise<Server> {
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString('utf8'));
      done();
    },
  });
  const logger = pino({ level: 'trace' }, sink);
  const driver = new ProcessDriver();
  const drivers = new Map<string, SandboxDriver>([
    ['bubblewrap', driver],
    ['external', createExternalDriver()],
  ]);
  const vaultHarness = await startVault(t, { drivers, logger });
  const { vault, owner } = vaultHarness;
  const { key: apiKey } = await vault.access.createKey(owner, { name: 'tests', operator: true });
  const app = createApi({
    vault: options.wrap?.(vault) ?? vault,
    logger,
    version: '1.2.3',
    openapi: createOpenApi({ version: '1.2.3', statusOf }),
    dataplaneDomain,
    health: options.health ?? (() => Promise.resolve()),
    ...(options.sites === undefined ? {} : { sites: options.sites }),
    ...(options.drainMs === undefined ? {} : { drainMs: options.drainMs }),
    ...(options.requestStreams === undefined ? {} : { requestStreams: options.requestStreams }),
    ...(options.requestTimeoutMs === undefined ? {} : { requestTimeoutMs: options.requestTimeoutMs }),
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  t.after(async () => {
    await driver.close();
    await app.close();
  });
  return {
    url,
    port: Number(new URL(url).port),
    apiKey,
    client: createClient({ baseUrl: url, apiKey }),
    driver,
    vault,
    vaultHarness,
    logged: () => lines.join(''),
    close: () => app.close(),
  };
}

export interface Reply {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** The error of the envelope; fails the test where the body is none. */
  error: () => { code: string; message: string };
}

/** One request with exactly these headers, `Host` included; a body that is no string or Buffer is sent as JSON. */
export function send(
  server: Pick<Server, 'port'>,
  method: string,
  options: {
    path: string;
    headers?: Record<string, string>;
    body?: unknown;
    /** The address that the request comes from, in 127.0.0.0/8. */
    from?: string;
  },
): Promise<Reply> {
  const { path, body } = options;
  const raw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const headers = { ...(raw === undefined ? {} : { 'content-type': 'application/json' }), ...options.headers };
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      host: '127.0.0.1',
      port: server.port,
      method,
      path,
      headers,
      agent: false,
      ...(options.from === undefined ? {} : { localAddress: options.from }),
    });
    request.once('error', reject);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, error: () => errorOf(text) });
      });
    });
    request.end(raw);
  });
}

function errorOf(text: string): { code: string; message: string } {
  const body: unknown = JSON.parse(text);
  assert.ok(typeof body === 'object' && body !== null && 'error' in body, text);
  assert.deepEqual(Object.keys(body), ['error']);
  const { error } = body;
  assert.ok(typeof error === 'object' && error !== null && 'code' in error && 'message' in error, text);
  assert.ok(typeof error.code === 'string' && typeof error.message === 'string', text);
  return { code: error.code, message: error.message };
}

/** Writes bytes as they are and answers all that came back until the server closed. */
export function sendRaw(server: Pick<Server, 'port'>, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1', () => socket.write(bytes));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('error', reject);
    socket.once('close', () => resolve(Buffer.concat(chunks).toString('utf8')));
  });
}

export function keyed(server: Pick<Server, 'apiKey'>): Record<string, string> {
  return { 'x-api-key': server.apiKey };
}

/** Resolves as soon as `holds` does; fails after five seconds. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!holds()) {
    assert.ok(Date.now() < deadline, `never: ${what}`);
    await sleep(5);
  }
}

/** A secret's worth of input that the contract accepts. */
export const bearerSecret = {
  name: 'anthropic-prod',
  value: 'a-real-value',
  auth: { type: 'bearer' as const },
  hosts: ['api.example.com'],
};
