import { findCores, hexMarker, textCoreLength, textMarker } from '../stand-in.ts';

const percentEscape = /%([0-9A-Fa-f]{2})/g;
/** `\u0073` of JSON and JavaScript, `\x73` of JavaScript. */
const backslashEscape = /\\(?:u00|x)([0-9A-Fa-f]{2})/g;
const markers = [textMarker, hexMarker];
const base64Markers = markers.flatMap(base64Forms);
const base64Marker = new RegExp(base64Markers.join('|'));
/** RFC 7617 section 2: these are base64 whatever is in them. */
const basicCredentials = /\bbasic[ \t]+([A-Za-z0-9+/_-]+)/gi;
/** Both alphabets of RFC 4648; shorter runs cannot hold a core. */
const base64Runs = new RegExp(`[A-Za-z0-9+/_-]{${Math.floor((textCoreLength * 4) / 3)},}`, 'g');
const allMarkers = [...markers, ...base64Markers];
const suspects = new RegExp(`[%\\\\]|[Bb][Aa][Ss][Ii][Cc][ \t]|${allMarkers.join('|')}`, 'g');
const none: readonly number[] = [];
/** Escapes within escapes that are undone. */
const depth = 2;

/**
 * Offsets in `text` where a stand-in might be, as it is or encoded: the fast test, which for most heads finds nothing.
 * What it misses no reading of {@link hiddenCores} would find either.
 */
export function suspectOffsets(text: string): readonly number[] {
  let offsets: number[] | null = null;
  suspects.lastIndex = 0;
  while (suspects.test(text)) (offsets ??= []).push(suspects.lastIndex - 1);
  return offsets ?? none;
}

/**
 * Every stand-in core in `text`: as it is, percent-encoded (also twice), with `\u` or `\x` escapes, in base64 of either
 * alphabet at any alignment, in Basic credentials, and these within one another. Each once. Base64 outside of credentials is
 * undone only where a marker shows in it: what was encoded before it was made base64 is not found there.
 */
export function hiddenCores(text: string): string[] {
  const cores = new Set<string>();
  let readings = [text];
  for (let level = 0; ; level++) {
    for (const reading of readings) for (const { core } of findCores(reading)) cores.add(core);
    if (level === depth) return [...cores];
    readings = readings.flatMap(decodings);
    if (readings.length === 0) return [...cores];
  }
}

function decodings(text: string): string[] {
  const found: string[] = [];
  if (text.includes('%')) found.push(text.replace(percentEscape, fromHex));
  if (text.includes('\\')) found.push(text.replace(backslashEscape, fromHex));
  const runs = base64Marker.test(text) ? (text.match(base64Runs) ?? []).filter((run) => base64Marker.test(run)) : [];
  if (runs.length > 0) {
    // Where in a run its base64 began cannot be told: each of the four possibilities is read.
    for (let skip = 0; skip < 4; skip++) {
      found.push(runs.map((run) => Buffer.from(run.slice(skip), 'base64').toString('latin1')).join('\n'));
    }
  }
  for (const [, credentials = ''] of text.matchAll(basicCredentials)) {
    found.push(Buffer.from(credentials, 'base64').toString('latin1'));
  }
  return found.filter((decoded) => decoded !== text);
}

function fromHex(_escape: string, digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 16));
}

/** The characters of base64 that stand for `marker` whatever is around it, at each of the three alignments. */
function base64Forms(marker: string): string[] {
  return [0, 1, 2].map((before) => {
    const bits = (before + marker.length) * 8;
    return Buffer.from('\0'.repeat(before) + marker, 'latin1')
      .toString('base64')
      .slice(Math.ceil((before * 8) / 6), Math.floor(bits / 6));
  });
}
