import { classifyName, HeaderField } from './header-field.ts';

/** RFC 7541 appendix A, from index 1. */
const rows: readonly (readonly [string, string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language', ''],
  ['accept-ranges', ''],
  ['accept', ''],
  ['access-control-allow-origin', ''],
  ['age', ''],
  ['allow', ''],
  ['authorization', ''],
  ['cache-control', ''],
  ['content-disposition', ''],
  ['content-encoding', ''],
  ['content-language', ''],
  ['content-length', ''],
  ['content-location', ''],
  ['content-range', ''],
  ['content-type', ''],
  ['cookie', ''],
  ['date', ''],
  ['etag', ''],
  ['expect', ''],
  ['expires', ''],
  ['from', ''],
  ['host', ''],
  ['if-match', ''],
  ['if-modified-since', ''],
  ['if-none-match', ''],
  ['if-range', ''],
  ['if-unmodified-since', ''],
  ['last-modified', ''],
  ['link', ''],
  ['location', ''],
  ['max-forwards', ''],
  ['proxy-authenticate', ''],
  ['proxy-authorization', ''],
  ['range', ''],
  ['referer', ''],
  ['refresh', ''],
  ['retry-after', ''],
  ['server', ''],
  ['set-cookie', ''],
  ['strict-transport-security', ''],
  ['transfer-encoding', ''],
  ['user-agent', ''],
  ['vary', ''],
  ['via', ''],
  ['www-authenticate', ''],
];

export const staticEntries = rows.length;

/** By index; 0 is not used. */
export const staticFields: readonly HeaderField[] = ['', ...rows].map(([name = '', value = '']) => {
  const bytes = Buffer.from(name, 'latin1');
  const kind = classifyName(name, bytes, { start: 0, end: bytes.length });
  return new HeaderField(name, value, { kind, flaws: 0, neverIndexed: false });
});

/** What the static table has of a name: the first index, and the values that have an index of their own. */
export interface StaticName {
  readonly index: number;
  readonly values: ReadonlyMap<string, number>;
}

const names = new Map<string, { index: number; values: Map<string, number> }>();
for (const [at, [name, value]] of rows.entries()) {
  let found = names.get(name);
  if (found === undefined) names.set(name, (found = { index: at + 1, values: new Map() }));
  if (value !== '') found.values.set(value, at + 1);
}

export const staticNames: ReadonlyMap<string, StaticName> = names;
