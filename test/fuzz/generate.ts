import type { Random } from './random.ts';
import * as tokens from './tokens.ts';

/** One request, as latin1 text: mostly one that every reader takes. */
export function requestText(random: Random): string {
  const method = odd(random, tokens.methods, tokens.oddMethods);
  const target = method === 'CONNECT' ? `${tokens.host}:443` : odd(random, tokens.targets, tokens.oddTargets);
  const version = odd(random, tokens.versions, tokens.oddVersions);
  const { line, content } = bodyOf(random, random.once(3) ? 'none' : 'any');
  const host = random.once(random.rarity * 2) ? [] : [`Host: ${tokens.host}`];
  return (
    head(random, `${method}${blank(random)}${target}${blank(random)}${version}`, [
      ...host,
      ...linesOf(random),
      ...line,
    ]) + content
  );
}

/** One final response and the interim ones before it, as latin1 text; `method` is what it answers. */
export function responseText(random: Random, method: string): string {
  let text = '';
  while (random.once(8)) {
    const line = random.once(16) ? [random.pick(tokens.oddLines)] : [];
    text += head(random, `HTTP/1.1 ${random.pick(tokens.interims)}${random.pick(tokens.reasons)}`, line);
  }
  const status = random.pick(tokens.statuses);
  const version = random.once(8) ? 'HTTP/1.0' : 'HTTP/1.1';
  const startLine = random.once(random.rarity)
    ? random.pick(tokens.oddStatusLines)
    : `${version} ${status}${random.pick(tokens.reasons)}`;
  const { line, content } = bodyOf(random, random.once(6) ? 'none' : 'any');
  const bare = (method === 'HEAD' || status === 204 || status === 304) && !random.once(random.rarity);
  return head(random, startLine, [...linesOf(random), ...line]) + (bare ? '' : content);
}

function head(random: Random, startLine: string, lines: readonly string[]): string {
  let text = startLine + lineEnd(random);
  for (const line of lines) text += line + lineEnd(random);
  return text + lineEnd(random);
}

function linesOf(random: Random): string[] {
  const lines: string[] = [];
  while (lines.length < 6 && !random.once(3)) {
    lines.push(random.once(random.rarity >> 1) ? random.pick(tokens.oddLines) : random.pick(tokens.lines));
  }
  // Past 32 lines llhttp hands them over in pieces; past 200 we refuse.
  if (random.once(200)) for (let count = random.below(210); count > 0; count--) lines.push('X-Many: a');
  return lines;
}

/** Header lines that frame content, and the content. */
function bodyOf(random: Random, kind: 'none' | 'any'): { line: string[]; content: string } {
  if (kind === 'none') return { line: [], content: random.once(random.rarity) ? random.pick(tokens.contents) : '' };
  if (random.once(2)) {
    const content = random.pick(tokens.contents);
    const length = random.once(random.rarity >> 1)
      ? random.pick(tokens.oddLengths).replaceAll('#', String(content.length))
      : String(content.length);
    return { line: [random.pick(tokens.lengthNames) + length], content };
  }
  const line = random.once(random.rarity >> 1) ? random.pick(tokens.oddChunkedNames) : random.pick(tokens.chunkedNames);
  return { line: [line], content: chunkedText(random) };
}

/** A chunked body with its trailers. */
function chunkedText(random: Random): string {
  let text = '';
  while (!random.once(3)) {
    const data = random.pick(tokens.contents);
    if (data === '') continue;
    const hex = data.length.toString(16);
    const size = random.once(4) ? `0${hex.toUpperCase()}` : hex;
    text += random.once(random.rarity * 2) ? random.pick(tokens.chunkSizes).replaceAll('#', hex) : size;
    text += extension(random) + lineEnd(random) + data;
    text += random.once(random.rarity * 2) ? random.pick(tokens.chunkDataEnds) : '\r\n';
  }
  text += random.once(random.rarity >> 1) ? random.pick(tokens.lastChunks) : '0';
  text += lineEnd(random);
  while (random.once(5)) text += (random.once(2) ? 'X-Sum: abc' : random.pick(tokens.trailers)) + lineEnd(random);
  return text + lineEnd(random);
}

function extension(random: Random): string {
  if (!random.once(8)) return '';
  return random.once(8) ? random.pick(tokens.oddExtensions) : random.pick(tokens.extensions);
}

function odd(random: Random, usual: readonly string[], rare: readonly string[]): string {
  return random.pick(random.once(random.rarity) ? rare : usual);
}

function blank(random: Random): string {
  return random.once(random.rarity * 6) ? random.pick(['', '  ', '\t', ' \t']) : ' ';
}

function lineEnd(random: Random): string {
  return random.once(random.rarity * 6) ? random.pick(tokens.lineEnds) : '\r\n';
}
