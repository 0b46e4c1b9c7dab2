import { isIPv6 } from 'node:net';

/** Who waits, of one source: beyond that it is no burst. */
const mostWaiting = 1000;

/**
 * Slows down whoever guesses credentials: a bucket of failures for each source, refilled with time. An attempt is
 * charged before it is judged and refunded when it was right, so that many at once get no further than one by one; what is
 * more than the burst waits for those that are being judged, which may be refunded.
 * Memory is bounded: past `capacity` sources the one heard of least recently is forgotten.
 */
export class FailureLimit {
  readonly #buckets = new Map<string, { tokens: number; at: number }>();
  /** Sources of which an attempt is being judged, and who waits for that. */
  readonly #judged = new Map<string, { attempts: number; waiting: (() => void)[] }>();
  readonly #options: { burst: number; perSecond: number; capacity: number; now: () => number };

  /** `burst` failures at once, then `perSecond`; `now` in milliseconds. */
  constructor(options: { burst: number; perSecond: number; capacity: number; now: () => number }) {
    this.#options = options;
  }

  /** 0 where the attempt may be judged (`leave` says how that went), else the seconds until the next may. */
  async enter(address: string): Promise<number> {
    const source = sourceOf(address);
    for (;;) {
      const wait = this.charge(address);
      const judged = this.#judged.get(source);
      if (wait === 0) {
        if (judged === undefined) this.#judged.set(source, { attempts: 1, waiting: [] });
        else judged.attempts += 1;
        return 0;
      }
      if (judged === undefined || judged.waiting.length >= mostWaiting) return wait;
      await new Promise<void>((resolve) => judged.waiting.push(resolve));
    }
  }

  leave(address: string, { refund }: { refund: boolean }): void {
    if (refund) this.refund(address);
    const source = sourceOf(address);
    const judged = this.#judged.get(source);
    if (judged === undefined) return;
    judged.attempts -= 1;
    if (judged.attempts > 0) {
      if (refund) judged.waiting.shift()?.();
      return;
    }
    this.#judged.delete(source);
    for (const go of judged.waiting) go();
  }

  /** 0 where the attempt may be judged, else the seconds until the next may. */
  charge(address: string): number {
    const bucket = this.#bucket(address);
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return 0;
    }
    return (1 - bucket.tokens) / this.#options.perSecond;
  }

  refund(address: string): void {
    const bucket = this.#bucket(address);
    bucket.tokens = Math.min(this.#options.burst, bucket.tokens + 1);
  }

  #bucket(address: string): { tokens: number; at: number } {
    const source = sourceOf(address);
    const { burst, perSecond, capacity, now } = this.#options;
    const at = now();
    const old = this.#buckets.get(source);
    const elapsed = old === undefined ? 0 : Math.max(0, at - old.at) / 1000;
    const bucket = { tokens: old === undefined ? burst : Math.min(burst, old.tokens + elapsed * perSecond), at };
    this.#buckets.delete(source);
    this.#buckets.set(source, bucket);
    if (this.#buckets.size > capacity) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    return bucket;
  }
}

/** One customer commonly has a whole IPv6 /64 (RFC 6177), so that is one source. */
function sourceOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array.from({ length: zeros }, () => '0'), ...right];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
    .join(':');
}
