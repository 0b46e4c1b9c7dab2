import type { ScrubStream } from '../../../../src/egress/scrub/scrub-stream.ts';

/** Encoders as programs have them, made without the tables of what they test. `pick` chooses what is escaped. */
export type Pick = () => boolean;
export interface Encoding {
  name: string;
  encode(text: string, pick: Pick): Buffer;
  /** Of a whole text in this encoding. */
  decode(bytes: Buffer): string;
}

const always: Pick = () => true;

function percent(text: string, pick: Pick, upper = true): string {
  let out = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const digits = byte.toString(16).padStart(2, '0');
    const mustEscape = byte >= 0x80 || byte === 0x25;
    out += mustEscape || pick() ? `%${upper ? digits.toUpperCase() : digits}` : String.fromCharCode(byte);
  }
  return out;
}

function unicode(text: string, pick: Pick): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const escape = unit >= 0x80 || text[i] === '"' || text[i] === '\\' || unit < 0x20 || pick();
    out += escape ? `\\u${unit.toString(16).padStart(4, '0')}` : text.charAt(i);
  }
  return out;
}

function numeric(text: string, pick: Pick, base: 10 | 16): string {
  let out = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    out +=
      code >= 0x80 || character === '&' || pick() ? `&#${base === 16 ? 'x' : ''}${code.toString(base)};` : character;
  }
  return out;
}

function byteString(text: string, pick: Pick): string {
  let out = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const escape = byte >= 0x80 || byte === 0x5c || pick();
    out += escape ? `\\x${byte.toString(16).padStart(2, '0')}` : String.fromCharCode(byte);
  }
  return out;
}

const names: Record<string, string> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' };
const html = (text: string) => text.replaceAll(/[&<>"']/g, (character) => `&${names[character] ?? ''};`);

function unHtml(text: string): string {
  return text.replaceAll(/&(?:#x([0-9a-f]+)|#([0-9]+)|([a-z]+));/gi, (_, hex?: string, decimal?: string, name = '') => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return Object.keys(names).find((character) => names[character] === name) ?? '';
  });
}

const fromJson = (text: string): string => String(JSON.parse(text));
const inString = (text: string) => JSON.stringify(text).slice(1, -1);
const utf8 = (text: string) => Buffer.from(text, 'utf8');

function ofText(
  name: string,
  encode: (text: string, pick: Pick) => string,
  decode: (text: string) => string,
): Encoding {
  return {
    name,
    encode: (text, pick) => utf8(encode(text, pick)),
    decode: (bytes) => decode(bytes.toString('utf8')),
  };
}

/** What keeps each character by itself: a value encoded alone stands so in the whole too. */
export const characterEncodings: readonly Encoding[] = [
  ofText(
    'raw',
    (text) => text,
    (text) => text,
  ),
  ofText('percent', (text, pick) => percent(text, pick), decodeURIComponent),
  ofText('percent, lower case', (text, pick) => percent(text, pick, false), decodeURIComponent),
  ofText('percent, everything', (text) => percent(text, always), decodeURIComponent),
  ofText('encodeURIComponent', encodeURIComponent, decodeURIComponent),
  ofText(
    'encodeURIComponent twice',
    (text) => encodeURIComponent(encodeURIComponent(text)),
    (text) => decodeURIComponent(decodeURIComponent(text)),
  ),
  ofText(
    'percent twice',
    (text, pick) => percent(percent(text, pick), () => false),
    (text) => decodeURIComponent(decodeURIComponent(text)),
  ),
  ofText('JSON', inString, (text) => fromJson(`"${text}"`)),
  ofText(
    'JSON with \\/',
    (text) => inString(text).replaceAll('/', '\\/'),
    (text) => fromJson(`"${text}"`),
  ),
  ofText('JSON with \\u', unicode, (text) => fromJson(`"${text}"`)),
  ofText(
    'JSON with \\u, everything',
    (text) => unicode(text, always),
    (text) => fromJson(`"${text}"`),
  ),
  ofText(
    'JSON in JSON',
    (text) => inString(inString(text)),
    (text) => fromJson(`"${fromJson(`"${text}"`)}"`),
  ),
  ofText(
    'JSON with \\u in JSON',
    (text, pick) => inString(unicode(text, pick)),
    (text) => fromJson(`"${fromJson(`"${text}"`)}"`),
  ),
  ofText(
    'JSON with \\u in a URL',
    (text, pick) => encodeURIComponent(unicode(text, pick)),
    (text) => fromJson(`"${decodeURIComponent(text)}"`),
  ),
  ofText(
    'a form',
    (text) => new URLSearchParams({ a: text }).toString().slice(2),
    (text) => new URLSearchParams(`a=${text}`).get('a') ?? '',
  ),
  ofText('a byte string of Python', byteString, (text) =>
    Buffer.from(
      text.replaceAll(/\\x([0-9a-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))),
      'latin1',
    ).toString('utf8'),
  ),
  ofText('HTML', html, unHtml),
  ofText('HTML, decimal', (text, pick) => numeric(text, pick, 10), unHtml),
  ofText('HTML, hexadecimal', (text, pick) => numeric(text, pick, 16), unHtml),
  ofText(
    'HTML in HTML',
    (text) => html(html(text)),
    (text) => unHtml(unHtml(text)),
  ),
  ofText(
    'HTML in JSON',
    (text) => inString(html(text)).replaceAll('&', '\\u0026'),
    (text) => unHtml(fromJson(`"${text}"`)),
  ),
  ofText(
    'JSON in HTML',
    (text) => html(inString(text)),
    (text) => fromJson(`"${unHtml(text)}"`),
  ),
];

/** What mixes neighbouring bytes, or has its own alphabet: the whole text is encoded at once. */
export const wholeEncodings: readonly Encoding[] = [
  { name: 'hex', encode: (text) => utf8(utf8(text).toString('hex')), decode: (bytes) => unHex(bytes) },
  {
    name: 'hex, upper case',
    encode: (text) => utf8(utf8(text).toString('hex').toUpperCase()),
    decode: (bytes) => unHex(bytes),
  },
  { name: 'base64', encode: (text) => utf8(utf8(text).toString('base64')), decode: unBase64 },
  { name: 'base64url', encode: (text) => utf8(utf8(text).toString('base64url')), decode: unBase64 },
  {
    name: 'base64 without padding',
    encode: (text) => utf8(utf8(text).toString('base64').replaceAll('=', '')),
    decode: unBase64,
  },
  {
    name: 'base64 in lines',
    encode: (text) => utf8(utf8(text).toString('base64').replaceAll(/.{19}/g, '$&\r\n')),
    decode: unBase64,
  },
  {
    name: 'base64 in lines, in JSON with \\/',
    encode: (text) => utf8(utf8(text).toString('base64').replaceAll(/.{60}/g, '$&\\n').replaceAll('/', '\\/')),
    decode: (bytes) => unBase64(utf8(fromJson(`"${bytes.toString('latin1')}"`))),
  },
  {
    name: 'base64 in a URL',
    encode: (text) => utf8(encodeURIComponent(utf8(text).toString('base64'))),
    decode: (bytes) => unBase64(utf8(decodeURIComponent(bytes.toString('latin1')))),
  },
];

export const encodings: readonly Encoding[] = [...characterEncodings, ...wholeEncodings];

function unHex(bytes: Buffer): string {
  return Buffer.from(bytes.toString('latin1'), 'hex').toString('utf8');
}

function unBase64(bytes: Buffer): string {
  return Buffer.from(bytes.toString('latin1').replaceAll(/\s/g, ''), 'base64').toString('utf8');
}

/** What `stream` makes of `bytes` cut at `cuts`; each chunk is overwritten once its result was copied, as it is lent. */
export function run(stream: ScrubStream, bytes: Buffer, cuts: readonly number[] = []): Buffer {
  const out: Buffer[] = [];
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  for (let i = 1; i < edges.length; i++) {
    const chunk = Buffer.from(bytes.subarray(edges[i - 1], edges[i]));
    out.push(Buffer.from(stream.push(chunk)));
    chunk.fill('!');
  }
  out.push(Buffer.from(stream.end()));
  return Buffer.concat(out);
}
