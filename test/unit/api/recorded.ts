import type { TestContext } from 'node:test';
import { SegmentGroup } from '../../../src/audit-rows.ts';
import type { ObservedEvent, ObservedRequest } from '../../../src/audit-rows.ts';
import { bearerSecret, startServer } from './harness.ts';
import type { Server, ServerOptions } from './harness.ts';

/** A server with a secret and a sandbox that has it. */
export async function prepared(t: TestContext, options: ServerOptions = {}) {
  const server = await startServer(t, options);
  await server.client.secrets.create(bearerSecret);
  const sandbox = await server.client.sandboxes.create({
    name: 'box',
    driver: 'external',
    secrets: { API_KEY: bearerSecret.name },
  });
  const { id: secretId } = await server.client.secrets.get(bearerSecret.name);
  return { server, sandbox, secretId };
}

type Place = Pick<ObservedEvent, 'sandboxId' | 'teamId'>;

/** Writes requests to the trail as the proxy does. */
export async function record(server: Server, place: Place, requests: (Partial<ObservedRequest> & { host?: string })[]) {
  const group = new SegmentGroup();
  for (const { host = 'api.example.com', ...request } of requests) {
    const event: ObservedEvent = {
      kind: 'request',
      ts: server.vaultHarness.clock.now.getTime(),
      ...place,
      host,
      request: {
        method: 'GET',
        path: '/v1/models?key=x',
        status: 200,
        upstreamStatus: 200,
        latencyMs: 12,
        errorCode: null,
        secretIds: [],
        foreign: [],
        ...request,
      },
    };
    group.add(event, event.request?.secretIds[0] ?? null);
  }
  await server.vaultHarness.store.events.append(group.take());
}
