/**
 * Heads by the grammar of RFC 9112 sections 2 to 6, written to be seen to be right: other readers forgive more than it
 * allows. What is wrong with a head that was accepted, or null.
 */
export function judgeHead(side: 'request' | 'response', text: string): string | null {
  const match = (side === 'request' ? requestHead : responseHead).exec(text);
  if (match === null) return 'not of the grammar';
  const [, minor, lines = ''] = match;
  const names = Array.from(lines.matchAll(/^([^:\r\n]+):/gm), ([, name = '']) => name.toLowerCase());
  const count = (wanted: string): number => names.filter((name) => name === wanted).length;
  // Section 6.3: which of two framings holds is what smuggling is about. Section 6.1: none in HTTP/1.0 is chunked.
  if (count('content-length') + count('transfer-encoding') > 1) return 'framed twice';
  if (count('transfer-encoding') > 0 && minor === '0') return 'chunked in HTTP/1.0';
  if (side === 'response') return null;
  // Section 3.2: one Host line in HTTP/1.1, and never two.
  return count('host') > 1 || (count('host') === 0 && minor === '1') ? 'not one Host' : null;
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const content = '[\\t\\x20-\\x7e\\x80-\\xff]*';
const fieldLines = `((?:${token}:${content}\\r\\n)*)\\r\\n`;
const requestHead = new RegExp(`^${token} [\\x21-\\x7e]+ HTTP/1\\.([01])\\r\\n${fieldLines}$`);
/** Section 4, and servers that leave out the space where they give no reason. */
const responseHead = new RegExp(`^HTTP/1\\.([01]) [1-9][0-9]{2}(?: ${content})?\\r\\n${fieldLines}$`);
