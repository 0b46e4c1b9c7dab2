import type { EgressContext } from './context.ts';
import { identify } from './identify.ts';
import { refusal } from './refusals.ts';
import type { Refusal } from './refusals.ts';
import type { SandboxEntry } from './registry.ts';
import type { RequestSource } from './request-source.ts';
import type { Share } from './turns.ts';
import type { RequestHead } from './wire/head.ts';

/** Who wants to know: one of the two is called, or none where the client has gone meanwhile. */
export interface Heard {
  readonly isOver: boolean;
  judge(entry: SandboxEntry): void;
  refuse(refused: Refusal): void;
}

/**
 * What comes before a request is judged: whether it can be put down, how much its sandbox asks for, and whose it is. Where only
 * too much of its sandbox waits to be written, it waits until that is: a disk that stalls for a moment is not seen.
 */
export function hear(source: RequestSource, head: RequestHead, heard: Heard): void {
  if (heard.isOver) return;
  const { context, caller } = source;
  const share = caller === null ? null : source.share;
  if (context.control.mustWait(caller)) {
    whenThereIsRoom(context, { sandboxId: caller, share }, () => hear(source, head, heard));
    return;
  }
  const refused = refuseTooMuch(context, share);
  const known = caller === null || refused !== null ? undefined : context.registry.get(caller);
  if (refused !== null) heard.refuse(refused);
  else if (known !== undefined) heard.judge(known);
  else identify(context, { head, from: source }, (found) => identified(source, head, { found, heard }));
}

/**
 * A request that said itself whose it is counts as that sandbox's from now on. After it has waited it says so anew: its token
 * and the rules may have changed meanwhile.
 */
function identified(
  source: RequestSource,
  head: RequestHead,
  { found, heard }: { found: SandboxEntry | Refusal; heard: Heard },
): void {
  if (heard.isOver) return;
  if ('code' in found) {
    heard.refuse(found);
    return;
  }
  const { context, caller } = source;
  if (caller !== null) {
    heard.judge(found);
    return;
  }
  const { id } = found.snapshot;
  const share = source.identified(id);
  if (context.control.mustWait(id)) {
    whenThereIsRoom(context, { sandboxId: id, share }, () => hear(source, head, heard));
    return;
  }
  const refused = refuseTooMuch(context, share);
  if (refused === null) heard.judge(found);
  else heard.refuse(refused);
}

/** Those who waited go on in their sandbox's turns. */
function whenThereIsRoom(
  { control }: EgressContext,
  { sandboxId, share }: { sandboxId: string | null; share: Share | null },
  go: () => void,
): void {
  control.whenThereIsRoom(sandboxId, () => {
    if (share === null || share.enter(go)) go();
  });
}

/** Of one that need not wait: where anything can be written, there is room for it. */
function refuseTooMuch(context: EgressContext, share: Share | null): Refusal | null {
  if (!context.control.canWrite) {
    return refusal('audit_unavailable', 'the audit trail cannot be written; nothing is let through until it can');
  }
  if (share?.takeRequest() !== false) return null;
  const limit = `${context.turns.limits.requestsPerSecond} requests a second`;
  return refusal('rate_limited', `this sandbox may make ${limit} and has made more; wait`, { retryAfter: 1 });
}
