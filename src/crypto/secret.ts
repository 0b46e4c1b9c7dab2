import { inspect } from 'node:util';

const values = new WeakMap<Secret, Buffer>();

/**
 * A credential in memory. It prints as `[secret]` however it is printed, cannot be structured-cloned or serialised by
 * accident, and gives its bytes only to `exposeSecret`, whose call sites are few enough to read
 * (test/architecture.test.ts lists them).
 */
export class Secret {
  constructor(value: string | Uint8Array) {
    values.set(this, typeof value === 'string' ? Buffer.from(value, 'utf8') : Buffer.from(value));
  }

  /** Length in bytes. */
  get byteLength(): number {
    return values.get(this)?.length ?? 0;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.toPrimitive](): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/** The one way to the bytes of a Secret. The caller must not log, store or keep what it gets. */
export function exposeSecret(secret: Secret): Buffer {
  const value = values.get(secret);
  if (value === undefined) throw new TypeError('this secret was wiped');
  return value;
}

/** Overwrites the bytes and forgets them; a later `exposeSecret` throws. */
export function wipeSecret(secret: Secret): void {
  values.get(secret)?.fill(0);
  values.delete(secret);
}
