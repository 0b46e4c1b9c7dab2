import { keptPath } from '../audit-rows.ts';
import type { ObservedConnection, ObservedEvent, ObservedRequest } from '../audit-rows.ts';
import type { EgressContext } from './context.ts';
import type { SandboxSnapshot } from './ports.ts';

/** Puts down what became of a connection. */
export function recordConnection(
  context: EgressContext,
  sandbox: Pick<SandboxSnapshot, 'id' | 'teamId'>,
  row: { host: string } & Omit<ObservedConnection, 'bytesSent' | 'bytesRecv'> & {
      bytesSent?: number;
      bytesRecv?: number;
    },
): void {
  const { host, ...connection } = row;
  context.control.record({
    kind: 'connection',
    ts: Date.now(),
    sandboxId: sandbox.id,
    teamId: sandbox.teamId,
    host,
    connection: { bytesSent: 0, bytesRecv: 0, ...connection },
  });
}

/** Heads over this, characters, are not kept alive by what is put down of them, nor is more than will be kept. */
const longHead = 4096;

/** Puts down what became of a request. */
export function recordRequest(
  context: EgressContext,
  sandbox: Pick<SandboxSnapshot, 'id' | 'teamId'>,
  row: { host: string; ts: number; headLength: number; request: ObservedRequest },
): void {
  const { host, ts, request } = row;
  const event: ObservedEvent = { kind: 'request', ts, sandboxId: sandbox.id, teamId: sandbox.teamId, host, request };
  if (row.headLength > longHead) {
    event.host = detach(host);
    request.method = detach(request.method);
    request.path = detach(keptPath(request.path));
  }
  context.control.record(event);
}

/** The same as a string of its own: V8's substrings keep the whole text alive, and events may wait in thousands. */
function detach(part: string): string {
  return Buffer.from(part, 'latin1').toString('latin1');
}
