/** RFC 9110 9.2.2: what may be sent a second time without asking. */
export const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
/** A request that must not be sent twice only takes a connection that was in use this recently. */
export const freshIdleMs = 5_000;
/** How often a request is sent again that its upstream did nothing with. */
export const maxRepeats = 8;
/** A WebSocket may say nothing for this long. */
export const switchedIdleMs = 4 * 3_600_000;
/** Content held while the upstream is being dialled. */
export const maxHeldBody = 256 * 1024;
/** A refused request's content is read to its end up to this size, so that the connection can go on. */
export const maxDrained = 256 * 1024;
