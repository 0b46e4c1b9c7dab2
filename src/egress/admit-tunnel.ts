import type { Authority } from '../net/hostname.ts';
import type { EgressContext } from './context.ts';
import { recordConnection } from './recorder.ts';
import type { SandboxEntry } from './registry.ts';
import { refusal } from './refusals.ts';
import type { Refusal } from './refusals.ts';
import { hostDenied, sandboxGone } from './request-judge.ts';

/**
 * Whether a tunnel to this place may be opened, whatever will go through it: null, or the refusal, whose row is then
 * written. A name is judged by the rules alone; its addresses are when they are dialled.
 */
export function admitTunnel(context: EgressContext, entry: SandboxEntry, to: Authority): Refusal | null {
  if (entry.snapshot.deleted === true) {
    record(context, entry, { to, matchRule: 'sandbox_revoked' });
    return sandboxGone();
  }
  if (context.turns.isFull(entry.snapshot.id)) {
    record(context, entry, { to, matchRule: 'too_many_connections' });
    return tooManyConnections(context);
  }
  const { verdict, rule } = entry.rules.network.judgeHost(to.host);
  const outside = to.isAddress && verdict !== 'deny' && !context.guard(to.host);
  if (verdict !== 'deny' && !outside) return null;
  record(context, entry, { to, matchRule: outside ? 'address guard' : rule });
  return hostDenied(to.host);
}

function tooManyConnections({ turns }: EgressContext): Refusal {
  const { connections } = turns.limits;
  const message = `this sandbox has ${connections} connections open, and may not have more; close some first`;
  return refusal('too_many_connections', message, { retryAfter: 1 });
}

function record(
  context: EgressContext,
  entry: SandboxEntry,
  { to, matchRule }: { to: Authority; matchRule: string | null },
): void {
  recordConnection(context, entry.snapshot, {
    host: to.host,
    dstIp: to.isAddress ? to.host : null,
    dstPort: to.port,
    verdict: 'blocked',
    matchRule,
  });
}
