/**
 * The slow way to tell whether bytes hold a value: undo each encoding wherever it can be undone, also one on top of
 * another where programs write such, and search. It shares nothing with what it is compared to.
 */
export function holds(bytes: Buffer, value: string): boolean {
  const text = bytes.toString('latin1');
  const wanted = Buffer.from(value, 'utf8').toString('latin1');
  return readings(text).some((reading) => reading.includes(wanted)) || inParts(text, wanted);
}

/**
 * The same, generously: characters may be escaped in different ways side by side, and base64 may begin within a group of
 * four. What this does not find is not there.
 */
export function mightHold(bytes: Buffer, value: string): boolean {
  const text = bytes.toString('latin1');
  const wanted = Buffer.from(value, 'utf8').toString('latin1');
  const mixed = [text];
  const undoing = [percent, backslash, byteEscapes, html, bareReferences, quotedPrintable];
  for (const undo of [...undoing, ...undoing]) mixed.push(...undo(mixed.at(-1) ?? ''));
  const found = [...readings(text), ...mixed, ...mixed.flatMap((each) => partialBase64(each))].some((each) =>
    each.includes(wanted),
  );
  // What is base64 twice is found without its last character, which holds bits of what follows.
  const twice = partialBase64(text, false).flatMap((once) => partialBase64(once, false));
  return found || inParts(text, wanted) || twice.some((each) => each.includes(wanted.slice(1, -1)));
}

const single: readonly ((text: string) => string[])[] = [
  percent,
  backslash,
  byteEscapes,
  html,
  bareReferences,
  quotedPrintable,
  base64,
  base64Twice,
  hex,
];

function readings(text: string): string[] {
  const out = [text];
  for (const undo of single) out.push(...undo(text));
  for (const undo of [percent, backslash, html]) {
    for (const once of undo(text)) {
      for (const again of [percent, backslash, html, base64]) out.push(...again(once));
    }
  }
  return out;
}

/** Each byte by itself, in a list or a dump, and in UTF-16, for which `wanted` must be ASCII. */
function inParts(text: string, wanted: string): boolean {
  const bytes = Array.from(Buffer.from(wanted, 'latin1'));
  const decimal = bytes.join('(?:,|, | |,\r?\n)');
  const hexadecimal = bytes
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('(?:[ :-]|(?:,|, | |,\r?\n)?(?:0x)?)');
  const utf16 = wanted.split('').join('\0');
  return text.includes(utf16) || new RegExp(decimal).test(text) || new RegExp(hexadecimal, 'i').test(text);
}

/** `\\u{…}`, and octal. */
function byteEscapes(text: string): string[] {
  return [
    text.replaceAll(/\\u\{(?:00)?([0-9A-Fa-f]{2})\}|\\([01][0-7]{2})/g, (_, point?: string, byte = '') =>
      String.fromCharCode(point === undefined ? Number.parseInt(byte, 8) : Number.parseInt(point, 16)),
    ),
  ];
}

function quotedPrintable(text: string): string[] {
  return [
    text
      .replaceAll(/=\r?\n/g, '')
      .replaceAll(/=([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))),
  ];
}

/** Numeric references to ASCII that lack the semicolon, or have it. */
function bareReferences(text: string): string[] {
  return [
    text.replaceAll(
      /&#(?:[xX]([2-7][0-9A-Fa-f])|(1[01][0-9]|12[0-7]|[3-9][0-9]));?/g,
      (_, hexadecimal?: string, decimal = '') =>
        String.fromCharCode(hexadecimal === undefined ? Number(decimal) : Number.parseInt(hexadecimal, 16)),
    ),
  ];
}

/** In one line, and in one alphabet. */
function base64Twice(text: string): string[] {
  const once = [0, 1, 2, 3].flatMap((skip) =>
    runs(text).map((run) => Buffer.from(run.slice(skip), 'base64').toString('latin1')),
  );
  return once.flatMap((inner) =>
    [/[A-Za-z0-9+/]{8,}/g, /[A-Za-z0-9_-]{8,}/g].flatMap((alphabet) =>
      [0, 1, 2, 3].flatMap((skip) =>
        (inner.match(alphabet) ?? []).map((run) => Buffer.from(run.slice(skip), 'base64').toString('latin1')),
      ),
    ),
  );
}

function percent(text: string): string[] {
  return [
    text.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))),
  ];
}

/** The characters of JSON and JavaScript are code points, those of the text bytes. */
function bytesOf(character: string): string {
  return Buffer.from(character, 'utf8').toString('latin1');
}

const letters: Record<string, string> = { b: '\b', t: '\t', n: '\n', v: '\v', f: '\f', r: '\r' };

function backslash(text: string): string[] {
  return [
    text.replaceAll(
      /((?:\\u[0-9A-Fa-f]{4})+)|\\x([0-9A-Fa-f]{2})|\\(.)/gs,
      (_, units?: string, byte?: string, character = '') => {
        if (units !== undefined) {
          const codes = units
            .split('\\u')
            .slice(1)
            .map((digits) => Number.parseInt(digits, 16));
          return bytesOf(String.fromCharCode(...codes));
        }
        if (byte !== undefined) return bytesOf(String.fromCharCode(Number.parseInt(byte, 16)));
        return letters[character] ?? (/["'`/\\]/.test(character) ? character : `\\${character}`);
      },
    ),
  ];
}

const names: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  sol: '/',
  plus: '+',
  equals: '=',
};

function html(text: string): string[] {
  return [
    text.replaceAll(
      /&(?:#[xX]([0-9A-Fa-f]{1,6})|#([0-9]{1,7})|([A-Za-z]+));/g,
      (all, hexadecimal?: string, decimal?: string, name = '') => {
        if (hexadecimal === undefined && decimal === undefined) return names[name] ?? all;
        const code = hexadecimal === undefined ? Number(decimal) : Number.parseInt(hexadecimal, 16);
        return code < 0x110000 ? bytesOf(String.fromCodePoint(code)) : all;
      },
    ),
  ];
}

function base64(text: string): string[] {
  const found = base64Runs(text);
  return [0, 1, 2, 3].map((skip) =>
    found.map((run) => Buffer.from(run.slice(skip), 'base64').toString('latin1')).join('\0'),
  );
}

function partialBase64(text: string, inLines = true): string[] {
  const found = inLines ? base64Runs(text) : runs(text);
  return ['', 'A', 'AA', 'AAA'].map((missing) =>
    found.map((run) => Buffer.from(missing + run, 'base64').toString('latin1')).join('\0'),
  );
}

function base64Runs(text: string): string[] {
  return runs(text.replaceAll(/\r?\n|(?:\\r)?\\n/g, ''));
}

function runs(text: string): string[] {
  return text.match(/[A-Za-z0-9+/_-]{8,}/g) ?? [];
}

function hex(text: string): string[] {
  const found = text.match(/[0-9A-Fa-f]{16,}/g) ?? [];
  return [0, 1].map((skip) =>
    found
      .map((run) => Buffer.from(run.slice(skip, run.length - ((run.length - skip) % 2)), 'hex').toString('latin1'))
      .join('\0'),
  );
}
