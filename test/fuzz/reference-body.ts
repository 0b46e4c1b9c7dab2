/**
 * Chunked content by the grammar of RFC 9112 section 7.1, written to be seen to be right: whole text in, slowly, out.
 * `wrong`: no bytes that follow could mend it. `length`: of the whole, its last CRLF included; -1 while it has not come.
 */
export interface ChunkedContent {
  content: string;
  trailers: string[];
  length: number;
  wrong: boolean;
}

const fieldText = '[\\t\\x20-\\x7e\\x80-\\xff]*';
const sizeLine = new RegExp(`([0-9A-Fa-f]{1,14})(?:;(${fieldText}))?\\r\\n`, 'y');
const sizeLineBegun = new RegExp(`^(?:([0-9A-Fa-f]{1,14})(?:;(${fieldText}))?\\r?)?$`);
const trailerLine = new RegExp(`([!#$%&'*+.^_\`|~0-9A-Za-z-]+):(${fieldText})\\r\\n`, 'y');
const longestExtension = 256;
const largest = Number.MAX_SAFE_INTEGER;

/** Reads what stands at `start` of `text` (latin1). */
export function readChunked(text: string, start: number): ChunkedContent {
  const read: ChunkedContent = { content: '', trailers: [], length: -1, wrong: false };
  let at = start;
  for (;;) {
    sizeLine.lastIndex = at;
    const line = sizeLine.exec(text);
    if (line === null) {
      const begun = sizeLineBegun.exec(text.slice(at));
      if (begun === null) return { ...read, wrong: true };
      const [, digits = '0', extension = ''] = begun;
      return { ...read, wrong: extension.length > longestExtension || Number.parseInt(digits, 16) > largest };
    }
    const [whole, digits = '', extension = ''] = line;
    const size = Number.parseInt(digits, 16);
    if (extension.length > longestExtension || size > largest) return { ...read, wrong: true };
    at += whole.length;
    if (size === 0) break;
    read.content += text.slice(at, at + size);
    at += size;
    const end = text.slice(at, at + 2);
    if (end !== '\r\n') return { ...read, wrong: !'\r\n'.startsWith(end) };
    at += 2;
  }
  for (;;) {
    if (text.startsWith('\r\n', at)) return { ...read, length: at + 2 - start };
    trailerLine.lastIndex = at;
    const line = trailerLine.exec(text);
    if (line === null) return { ...read, wrong: /\n|^\r[^\n]/.test(text.slice(at)) };
    const [whole, name = '', value = ''] = line;
    read.trailers.push(name, value.replaceAll(/^[ \t]+|[ \t]+$/g, ''));
    at += whole.length;
  }
}
