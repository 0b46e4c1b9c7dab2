import type { EgressContext } from './context.ts';
import type { EgressEvent, SandboxSnapshot } from './ports.ts';

/** Puts down what became of a connection. */
export function recordConnection(
  context: EgressContext,
  sandbox: Pick<SandboxSnapshot, 'id' | 'teamId'>,
  row: { host: string } & Omit<NonNullable<EgressEvent['connection']>, 'bytesSent' | 'bytesRecv'> & {
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

/** Puts down what became of a request. */
export function recordRequest(
  context: EgressContext,
  sandbox: Pick<SandboxSnapshot, 'id' | 'teamId'>,
  row: { host: string; ts: number; request: NonNullable<EgressEvent['request']> },
): void {
  const { host, ts, request } = row;
  context.control.record({ kind: 'request', ts, sandboxId: sandbox.id, teamId: sandbox.teamId, host, request });
}
