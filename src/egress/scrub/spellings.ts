import { softBreaks } from './breaks.ts';

/**
 * The ways in which one character may be written in a response: as it is, or escaped for URLs, JavaScript and JSON, or
 * HTML, and the two of these on top of each other that real programs produce. A table and no decoder: what is not in it
 * is not recognised, and a character may be written in another way than its neighbours.
 */
export interface Style {
  /** Every text (latin1, one character one byte) that stands for the code point; the first is the one we write. */
  readonly spell: (code: number) => readonly string[];
  /** Only ASCII is looked for in this style: nobody was seen to write other characters so. */
  readonly ascii?: true;
}

/** Named references for ASCII, https://html.spec.whatwg.org/multipage/named-characters.html. */
const named = new Map<number, readonly string[]>(
  Object.entries({
    '\t': ['Tab'],
    '!': ['excl'],
    '"': ['quot', 'QUOT'],
    '#': ['num'],
    $: ['dollar'],
    '%': ['percnt'],
    '&': ['amp', 'AMP'],
    "'": ['apos'],
    '(': ['lpar'],
    ')': ['rpar'],
    '*': ['ast', 'midast'],
    '+': ['plus'],
    ',': ['comma'],
    '.': ['period'],
    '/': ['sol'],
    ':': ['colon'],
    ';': ['semi'],
    '<': ['lt', 'LT'],
    '=': ['equals'],
    '>': ['gt', 'GT'],
    '?': ['quest'],
    '@': ['commat'],
    '[': ['lsqb', 'lbrack'],
    '\\': ['bsol'],
    ']': ['rsqb', 'rbrack'],
    '^': ['Hat'],
    _: ['lowbar', 'UnderBar'],
    '`': ['grave'],
    '{': ['lcub', 'lbrace'],
    '|': ['verbar', 'vert', 'VerticalLine'],
    '}': ['rcub', 'rbrace'],
  }).map(([character, names]) => [character.charCodeAt(0), names]),
);

/** ECMAScript's single character escapes (ECMA-262 section 12.9.4), of which JSON (RFC 8259 section 7) has most. */
const afterBackslash = new Map<number, string>(
  Object.entries({
    '\b': 'b',
    '\t': 't',
    '\v': 'v',
    '\f': 'f',
    '"': '"',
    "'": "'",
    '/': '/',
    '\\': '\\',
    '`': '`',
  }).map(([character, letter]) => [character.charCodeAt(0), letter]),
);

/** A byte of a value that is no UTF-8: {@link looseByte} added to it is its code. */
export const looseByte = 0x110000;

/** The code points of `value`; where it is no UTF-8, its bytes by themselves. */
export function codesOf(value: Uint8Array): Uint32Array {
  const codes = new Uint32Array(value.length);
  let count = 0;
  for (let at = 0; at < value.length; count++) {
    const length = sequenceLength(value, at);
    const first = value[at] ?? 0;
    let code = length === 1 ? first : first & (0xff >> (length + 1));
    for (let i = 1; i < length; i++) code = (code << 6) | ((value[at + i] ?? 0) & 0x3f);
    codes[count] = length === 1 && first >= 0x80 ? looseByte + first : code;
    at += length;
  }
  return codes.subarray(0, count);
}

function sequenceLength(value: Uint8Array, at: number): number {
  const first = value[at] ?? 0;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
  for (let i = 1; i < length; i++) if (((value[at + i] ?? 0) & 0xc0) !== 0x80) return 1;
  return length;
}

function bytesOf(code: number): Buffer {
  return code >= looseByte ? Buffer.from([code - looseByte]) : Buffer.from(String.fromCodePoint(code), 'utf8');
}

function hex(number: number, width: number): string {
  return number.toString(16).padStart(width, '0');
}

/** Both cases of the digits in `text`, upper first, where they differ. */
function bothCases(before: string, digits: string, after = ''): string[] {
  const [upper, lower] = [digits.toUpperCase(), digits.toLowerCase()];
  return upper === lower ? [before + upper + after] : [before + upper + after, before + lower + after];
}

/** `before` stands for the percent sign. */
function percent(before: string): Style['spell'] {
  return (code) => {
    const bytes = bytesOf(code);
    const written = (upper: boolean) => {
      let out = '';
      for (const byte of bytes) out += before + (upper ? hex(byte, 2).toUpperCase() : hex(byte, 2));
      return out;
    };
    const [upper, lower] = [written(true), written(false)];
    return upper === lower ? [upper] : [upper, lower];
  };
}

/** RFC 2045 section 6.7: `=HH` of each byte, between which a line may break softly. */
const quotedPrintableBytes: Style['spell'] = (code) =>
  percent('=')(code).flatMap((text) => {
    let broken = [''];
    for (const [escape] of text.matchAll(/=../g)) {
      const between = broken[0] === '' ? [''] : ['', ...softBreaks];
      broken = broken.flatMap((before) => between.map((lineBreak) => before + lineBreak + escape));
    }
    return broken;
  });

/** RFC 3986 2.1 applied to its own result, the digits chosen by `digits` (bit 0 the first) written as escapes too. */
function percentTwice(digits: number): Style['spell'] {
  return (code) =>
    percent('%')(code).map((once) =>
      once.replaceAll(/%(.)(.)/g, (_, first: string, second: string) => {
        const write = (digit: string, bit: number) =>
          (digits & bit) === 0 ? digit : `%${hex(digit.charCodeAt(0), 2).toUpperCase()}`;
        return `%25${write(first, 1)}${write(second, 2)}`;
      }),
    );
}

function unicodeEscape(backslash: string): Style['spell'] {
  return (code) => {
    if (code >= looseByte) return [];
    if (code < 0x10000) return bothCases(`${backslash}u`, hex(code, 4)).toReversed();
    const [high, low] = [0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff)];
    const pair = (digits: (text: string) => string) =>
      `${backslash}u${digits(hex(high, 4))}${backslash}u${digits(hex(low, 4))}`;
    return [pair((text) => text), pair((text) => text.toUpperCase())];
  };
}

/** `\u{…}` of ECMAScript, Rust, Ruby and others. */
function codePointEscape(backslash: string): Style['spell'] {
  return (code) => {
    if (code >= looseByte) return [];
    const widths = code < 0x1000 ? [0, 4] : [0];
    return widths.flatMap((width) => bothCases(`${backslash}u{`, hex(code, width), '}').toReversed());
  };
}

/** `\ooo` of each byte, as C, git and shells print it. */
function octalEscape(backslash: string): Style['spell'] {
  return (code) => {
    let out = '';
    for (const byte of bytesOf(code)) out += backslash + byte.toString(8).padStart(3, '0');
    return [out];
  };
}

/** `\xHH` of the code point in JavaScript, of each byte of its UTF-8 in C and Python. */
function hexEscape(backslash: string): Style['spell'] {
  return (code) => {
    const bytes = bytesOf(code);
    const ofBytes = bothCases('', bytes.toString('hex')).map((digits) => digits.replaceAll(/../g, `${backslash}x$&`));
    const ofCode = bytes.length > 1 && code < 0x100 ? bothCases(`${backslash}x`, hex(code, 2)) : [];
    return [...ofBytes, ...ofCode].toReversed();
  };
}

/** `\"` and the like; `written` turns the letter, where another encoding lies on top. */
function characterEscape(backslash: string, written: (letter: string) => readonly string[]): Style['spell'] {
  return (code) => {
    const letter = afterBackslash.get(code);
    return letter === undefined ? [] : written(letter).map((text) => backslash + text);
  };
}

interface Reference {
  ampersand: string;
  hash: string;
  semicolon: string;
}

function decimalReference({ ampersand, hash, semicolon }: Reference, width: number): Style['spell'] {
  return (code) => {
    if (code >= looseByte) return [];
    const digits = code.toString();
    return digits.length < width || width === 0
      ? [`${ampersand}${hash}${digits.padStart(width, '0')}${semicolon}`]
      : [];
  };
}

function hexReference({ ampersand, hash, semicolon }: Reference, width: number): Style['spell'] {
  return (code) => {
    const digits = code.toString(16);
    if (code >= looseByte || (digits.length >= width && width !== 0)) return [];
    const padded = digits.padStart(width, '0');
    return ['x', 'X'].flatMap((x) => bothCases(`${ampersand}${hash}${x}`, padded, semicolon));
  };
}

function namedReference({ ampersand, semicolon }: Reference): Style['spell'] {
  return (code) => (named.get(code) ?? []).map((name) => `${ampersand}${name}${semicolon}`);
}

function references(reference: Reference): Style[] {
  return [
    { spell: namedReference(reference) },
    { spell: decimalReference(reference, 0) },
    { spell: decimalReference(reference, 3) },
    { spell: decimalReference(reference, 4) },
    { spell: hexReference(reference, 0) },
    { spell: hexReference(reference, 4) },
  ];
}

const once = (letter: string) => [letter];
const inJson = (letter: string) => (letter === '"' || letter === '\\' ? [`\\${letter}`] : [letter, `\\${letter}`]);
const inUrl = (letter: string) => bothCases('%', hex(letter.charCodeAt(0), 2)).concat(letter === '/' ? ['/'] : []);
const inHtml = (letter: string) => {
  const code = letter.charCodeAt(0);
  return letter === '"' || letter === "'"
    ? [`&#${code};`, `&#x${hex(code, 2)};`, ...(named.get(code) ?? []).map((name) => `&${name};`)]
    : [];
};

/** The index of quoted-printable's style (RFC 2045 section 6.7). */
export const quotedPrintable = 1;

/** Index 0 is the character as it is. */
export const styles: readonly Style[] = [
  { spell: (code) => [bytesOf(code).toString('latin1')] },
  { spell: quotedPrintableBytes },
  { spell: percent('%') },
  { spell: percentTwice(0) },
  { spell: percentTwice(1), ascii: true },
  { spell: percentTwice(2), ascii: true },
  { spell: percentTwice(3), ascii: true },
  // The space of application/x-www-form-urlencoded.
  { spell: (code) => (code === 0x20 ? ['+', '%2B', '%2b'] : []) },
  { spell: unicodeEscape('\\') },
  { spell: hexEscape('\\') },
  { spell: characterEscape('\\', once) },
  { spell: codePointEscape('\\') },
  { spell: octalEscape('\\') },
  // A JSON text in a string of another.
  { spell: unicodeEscape('\\\\') },
  { spell: hexEscape('\\\\') },
  { spell: characterEscape('\\\\', inJson) },
  { spell: codePointEscape('\\\\') },
  { spell: octalEscape('\\\\') },
  // A JSON text in a URL.
  { spell: (code) => ['%5C', '%5c'].flatMap((backslash) => unicodeEscape(backslash)(code)) },
  { spell: (code) => ['%5C', '%5c'].flatMap((backslash) => hexEscape(backslash)(code)), ascii: true },
  { spell: (code) => ['%5C', '%5c'].flatMap((backslash) => characterEscape(backslash, inUrl)(code)) },
  // A JSON text in an attribute of HTML.
  { spell: characterEscape('\\', inHtml) },
  ...references({ ampersand: '&', hash: '#', semicolon: ';' }),
  // HTML 13.2.5.80: a numeric reference without its semicolon is an error, and read all the same.
  { spell: decimalReference({ ampersand: '&', hash: '#', semicolon: '' }, 0) },
  { spell: hexReference({ ampersand: '&', hash: '#', semicolon: '' }, 0) },
  // HTML escaped once more, in JSON as Go writes it, and in a URL.
  ...references({ ampersand: '&amp;', hash: '#', semicolon: ';' }),
  ...references({ ampersand: '\\u0026', hash: '#', semicolon: ';' }),
  ...references({ ampersand: '%26', hash: '%23', semicolon: '%3B' }).map(({ spell }): Style => ({
    spell,
    ascii: true,
  })),
  ...references({ ampersand: '%26', hash: '%23', semicolon: '%3b' }).map(({ spell }): Style => ({
    spell,
    ascii: true,
  })),
];

/** Whether a character may stand as it is in a URL, in a JSON string and in HTML: the unreserved of RFC 3986 2.3. */
export function isSafe(code: number): boolean {
  return code < 0x80 && /[A-Za-z0-9._~-]/.test(String.fromCharCode(code));
}
