/**
 * Calls `finish` at the end of each response. Every response is checked: status 200 shows that the upstream got the real
 * credential, the length, or that of all chunks together (RFC 9112 section 7.1), that the body came whole.
 */
export function responseCounter(bodyBytes: number, finish: (error: Error | null) => void): (piece: Buffer) => void {
  const chunks = chunkCounter();
  let inside: 'nothing' | 'length' | 'chunks' = 'nothing';
  let missing = 0;
  let head: Buffer | null = null;
  return (piece) => {
    let body = piece;
    if (inside === 'nothing') {
      const start: Buffer = head === null ? piece : Buffer.concat([head, piece]);
      const end = start.indexOf('\r\n\r\n');
      if (end < 0) {
        head = start;
        return;
      }
      head = null;
      const text = start.toString('latin1', 0, end + 2).toLowerCase();
      const isChunked = text.includes('\r\ntransfer-encoding: chunked\r\n');
      if (!text.startsWith('http/1.1 200 ') || !(isChunked || text.includes(`\r\ncontent-length: ${bodyBytes}\r\n`))) {
        finish(new Error(`an answer was not 200 with ${bodyBytes} bytes: ${start.toString('latin1', 0, 300)}`));
        return;
      }
      inside = isChunked ? 'chunks' : 'length';
      missing = bodyBytes;
      body = start.subarray(end + 4);
    }
    if (inside === 'chunks') {
      const whole = chunks(body);
      if (whole === null) return;
      missing -= whole;
    } else missing -= body.length;
    if (missing > 0 && inside === 'length') return;
    inside = 'nothing';
    finish(missing === 0 ? null : new Error('a body was longer or shorter than it should be'));
  };
}

const lineFeed = 0x0a;

/** Counts the content in chunks; returns null until the end of a body without trailers, then how much it was. */
function chunkCounter(): (piece: Buffer) => number | null {
  let line = '';
  /** Of the chunk, with the line end after it. */
  let left = 0;
  let total = 0;
  let last = false;
  return (piece) => {
    let at = 0;
    while (at < piece.length) {
      if (left > 0) {
        const taken = Math.min(left, piece.length - at);
        left -= taken;
        at += taken;
        continue;
      }
      const end = piece.indexOf(lineFeed, at);
      line += piece.toString('latin1', at, end < 0 ? piece.length : end);
      if (end < 0) return null;
      at = end + 1;
      if (last) {
        const counted = total;
        line = '';
        total = 0;
        last = false;
        return counted;
      }
      const size = Number.parseInt(line, 16);
      line = '';
      total += size;
      last = size === 0;
      left = last ? 0 : size + 2;
    }
    return null;
  };
}
