import { segmentHash, chainStart } from '../../src/store/chain.ts';
import { AuditQueue } from '../../src/egress/audit-queue.ts';
import type { ObservedEvent, ObservedDetails } from '../../src/audit-rows.ts';

/**
 * What an event of the audit trail costs a worker and the thread that writes, with and without what explains it: queued, made a
 * segment of 256, hashed. `node bench/micro/audit-event.ts`.
 */

const secretId = '6f1c0a52-6a0e-4b43-9a52-0f6f6f1f7f3a';
const rounds = 2000;
const perSegment = 256;

function event(details: ObservedDetails | undefined): ObservedEvent {
  return {
    kind: 'request',
    ts: 1_780_000_000_000,
    sandboxId: '0a52e1f6-9a52-4f6f-8f1f-7f3a6f1c0a52',
    teamId: '1f7f3a6f-0a52-4b43-9a52-6a0e0f6f6f1c',
    host: 'api.example.com',
    request: {
      method: 'POST',
      path: '/v1/chat/completions',
      status: 200,
      upstreamStatus: 200,
      latencyMs: 12,
      errorCode: null,
      secretIds: [secretId],
      foreign: [],
      ...(details === undefined ? {} : { details }),
    },
  };
}

const known: ObservedDetails = {
  standIns: ['OPENAI_API_KEY header authorization'],
  networkRule: null,
  address: '203.0.113.7',
  port: 443,
  tls: 'TLSv1.3',
  alpn: 'http/1.1',
  steps: [1, 1, 2, 118],
  scrubbed: null,
};

function measure(details: ObservedDetails | undefined): { us: number; bytes: number } {
  let bytes = 0;
  const begun = performance.now();
  for (let round = 0; round < rounds; round++) {
    const queue = new AuditQueue();
    for (let each = 0; each < perSegment; each++) queue.add(event(details));
    for (const { rows, secretIds, traits, teamId, sandboxId } of queue.take().segments) {
      bytes += rows.length;
      const secrets = JSON.stringify(secretIds);
      segmentHash(chainStart, { firstId: 1, lastId: perSegment, teamId, sandboxId, traits, secretIds: secrets, rows });
    }
  }
  const events = rounds * perSegment;
  return { us: ((performance.now() - begun) * 1000) / events, bytes: bytes / events };
}

measure(known);
measure(undefined);
for (const [name, details] of [
  ['without', undefined],
  ['with', known],
] as const) {
  const { us, bytes } = measure(details);
  process.stdout.write(`${name.padEnd(8)} ${us.toFixed(2)} µs an event, ${bytes.toFixed(0)} bytes\n`);
}
