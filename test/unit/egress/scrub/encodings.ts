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

/** Each character `u{…}`, as ECMAScript and Rust have it. */
function codePoints(text: string, pick: Pick): string {
  let out = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    out += code >= 0x80 || character === '\\' || pick() ? `\\u{${code.toString(16)}}` : character;
  }
  return out;
}

function unCodePoints(text: string): string {
  return text.replaceAll(/\\u\{([0-9a-f]+)\}/g, (_, digits: string) =>
    String.fromCodePoint(Number.parseInt(digits, 16)),
  );
}

/** As git prints a path. */
function octal(text: string, pick: Pick): string {
  let out = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const escape = byte >= 0x80 || byte === 0x5c || pick();
    out += escape ? `\\${byte.toString(8).padStart(3, '0')}` : String.fromCharCode(byte);
  }
  return out;
}

function unOctal(text: string): string {
  return fromBytes(text.replaceAll(/\\([0-3][0-7]{2})/g, (_, digits: string) => byteOf(digits, 8)));
}

/** RFC 2045 section 6.7, in lines of up to `width`. */
function quotedPrintable(text: string, pick: Pick, { lineBreak, width }: { lineBreak: string; width: number }): string {
  const lines: string[] = [];
  let line = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const escape = byte >= 0x7f || byte < 0x20 || byte === 0x3d || pick();
    const piece = escape ? `=${byte.toString(16).padStart(2, '0').toUpperCase()}` : String.fromCharCode(byte);
    if (line.length + piece.length >= width) {
      lines.push(`${line}=`);
      line = '';
    }
    line += piece;
  }
  return [...lines, line].join(lineBreak);
}

function unQuotedPrintable(text: string): string {
  const joined = text.replaceAll(/=\r?\n/g, '');
  return fromBytes(joined.replaceAll(/=([0-9A-Fa-f]{2})/g, (_, digits: string) => byteOf(digits, 16)));
}

const byteOf = (digits: string, base: number) => String.fromCharCode(Number.parseInt(digits, base));
const fromBytes = (text: string) => Buffer.from(text, 'latin1').toString('utf8');

function list(text: string, between: string, write: (byte: number) => string): string {
  return Array.from(Buffer.from(text, 'utf8'), write).join(between);
}

const hexDigits = (byte: number) => byte.toString(16).padStart(2, '0');

function unList(text: string): string {
  return Buffer.from((text.match(/[0-9]+/g) ?? []).map(Number)).toString('utf8');
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
  ofText('code point escapes', codePoints, unCodePoints),
  ofText(
    'code point escapes in JSON',
    (text, pick) => inString(codePoints(text, pick)),
    (text) => unCodePoints(fromJson(`"${text}"`)),
  ),
  ofText('octal escapes', octal, (text) => unOctal(Buffer.from(text).toString('latin1'))),
  ofText(
    'octal escapes in JSON',
    (text, pick) => inString(octal(text, pick)),
    (text) => unOctal(Buffer.from(fromJson(`"${text}"`)).toString('latin1')),
  ),
  ofText(
    'quoted-printable',
    (text, pick) => quotedPrintable(text, pick, { lineBreak: '\r\n', width: 76 }),
    (text) => unQuotedPrintable(text),
  ),
  ofText(
    'quoted-printable, in short lines',
    (text, pick) => quotedPrintable(text, pick, { lineBreak: '\n', width: 7 }),
    (text) => unQuotedPrintable(text),
  ),
  ofText(
    'HTML, decimal without semicolons',
    (text) => numeric(text, always, 10).replaceAll(';', ''),
    (text) => unHtml(text.replaceAll(/&#[0-9]+/g, '$&;')),
  ),
  ofText(
    'HTML, hexadecimal without semicolons',
    (text) => numeric(text, always, 16).replaceAll(';', ''),
    (text) => unHtml(text.replaceAll(/&#x[0-9a-f]+/gi, '$&;')),
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
  ofText(
    'a hex dump',
    (text) => list(text, ' ', hexDigits),
    (text) => unHex(utf8(text.replaceAll(' ', ''))),
  ),
  ofText(
    'a hex dump with colons, upper case',
    (text) => list(text, ':', hexDigits).toUpperCase(),
    (text) => unHex(utf8(text.replaceAll(':', ''))),
  ),
  ofText(
    'an array of C',
    (text) => `{ ${list(text, ', ', (byte) => `0x${hexDigits(byte)}`)} }`,
    (text) => unHex(utf8(text.replaceAll(/0x|[^0-9a-f]/g, ''))),
  ),
  ofText('a Buffer of Node in JSON', (text) => JSON.stringify(utf8(text)), unList),
  ofText('a slice of bytes as Go prints it', (text) => `[${list(text, ' ', String)}]`, unList),
  ofText('an array of Java', (text) => `[${list(text, ', ', String)}]`, unList),
  {
    name: 'UTF-16, low byte first',
    encode: (text) => Buffer.from(text, 'utf16le'),
    decode: (bytes) => bytes.toString('utf16le'),
  },
  {
    name: 'UTF-16, high byte first',
    encode: (text) => Buffer.from(text, 'utf16le').swap16(),
    decode: (bytes) => Buffer.from(bytes).swap16().toString('utf16le'),
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
