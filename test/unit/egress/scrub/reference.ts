/**
 * The slow way to tell whether bytes hold a value: undo each encoding wherever it can be undone, also one on top of
 * another where programs write such, and search. It shares nothing with what it is compared to.
 */
export function holds(bytes: Buffer, value: string): boolean {
  const text = bytes.toString('latin1');
  const wanted = Buffer.from(value, 'utf8').toString('latin1');
  return readings(text).some((reading) => reading.includes(wanted));
}

/**
 * The same, generously: characters may be escaped in different ways side by side, and base64 may begin within a group of
 * four. What this does not find is not there.
 */
export function mightHold(bytes: Buffer, value: string): boolean {
  const text = bytes.toString('latin1');
  const wanted = Buffer.from(value, 'utf8').toString('latin1');
  const mixed = [text];
  for (const undo of [percent, backslash, html, percent, backslash, html]) mixed.push(...undo(mixed.at(-1) ?? ''));
  return [...readings(text), ...mixed, ...mixed.flatMap(partialBase64)].some((reading) => reading.includes(wanted));
}

const single: readonly ((text: string) => string[])[] = [percent, backslash, html, base64, hex];

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
  const runs = base64Runs(text);
  return [0, 1, 2, 3].map((skip) =>
    runs.map((run) => Buffer.from(run.slice(skip), 'base64').toString('latin1')).join('\0'),
  );
}

function partialBase64(text: string): string[] {
  const runs = base64Runs(text);
  return ['A', 'AA', 'AAA'].map((missing) =>
    runs.map((run) => Buffer.from(missing + run, 'base64').toString('latin1')).join('\0'),
  );
}

function base64Runs(text: string): string[] {
  return text.replaceAll(/\r?\n|(?:\\r)?\\n/g, '').match(/[A-Za-z0-9+/_-]{8,}/g) ?? [];
}

function hex(text: string): string[] {
  const runs = text.match(/[0-9A-Fa-f]{16,}/g) ?? [];
  return [0, 1].map((skip) =>
    runs
      .map((run) => Buffer.from(run.slice(skip, run.length - ((run.length - skip) % 2)), 'hex').toString('latin1'))
      .join('\0'),
  );
}
