import { z } from 'zod';

/** An object that refuses a field it does not know, by name, and says which ones there are. */
export function strict<const Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined;
      const unknown = issue.keys.map((key) => JSON.stringify(key.slice(0, 64))).join(', ');
      const hint = known.length === 0 ? 'none is taken here' : `known here: ${known.join(', ')}`;
      return `unknown field ${unknown} (${hint})`;
    },
  });
}

/** Length in bytes of UTF-8, which is what the contract's limits count. */
const byteLength = (value: string) => new TextEncoder().encode(value).length;

/** A string of `min` to `max` bytes of UTF-8 without NUL. */
export function text(limits: { min?: number; max: number }) {
  const { min = 0, max } = limits;
  const rule = `${min} to ${max} bytes of UTF-8 without NUL`;
  const schema = z.string().refine(
    (value) => {
      const length = byteLength(value);
      return length >= min && length <= max && !value.includes('\0');
    },
    { error: `must be ${rule}` },
  );
  // JSON Schema counts characters, so the document says it in words.
  return schema.describe(rule);
}

/** A whole number from a query string or a body. */
export function wholeNumber(limits: { min: number; max?: number }) {
  const { min, max = Number.MAX_SAFE_INTEGER } = limits;
  const rule = limits.max === undefined ? `a whole number of ${min} or more` : `a whole number from ${min} to ${max}`;
  // Undefined: what is missing is told as missing.
  const error = ({ input }: { input?: unknown }) => (input === undefined ? undefined : `must be ${rule}`);
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** The same where it arrives as digits of a query string. */
export function queryNumber(limits: { min: number; max?: number }) {
  return z.preprocess(
    (value) => (typeof value === 'string' && /^(0|[1-9]\d{0,15})$/.test(value) ? Number(value) : value),
    wholeNumber(limits),
  );
}

export const uuid = z.guid({ error: 'must be a UUID' }).toLowerCase();
export const timestamp = z.iso.datetime({ error: 'must be an RFC 3339 time in UTC' });

export const secretName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]{0,127}$/, {
  error: 'must be 1 to 128 letters, digits, `_` or `-`, the first a letter or `_`',
});

export const envKey = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,255}$/, {
  error: 'must be the name of a variable: up to 256 letters, digits or `_`, the first a letter or `_`',
});

/** A host name or `*.suffix`; the vault judges the name itself. */
export const hosts = z
  .array(z.string().min(1, { error: 'must not be empty' }).max(255, { error: 'must be 255 characters or fewer' }))
  .min(1, { error: 'must list 1 to 16 hosts' })
  .max(16, { error: 'must list 1 to 16 hosts' });
