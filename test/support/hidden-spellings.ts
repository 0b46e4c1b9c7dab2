/** Ways to write a stand-in so that a search for its text alone would miss it; each must be found in a head all the same. */
export const hiddenSpellings: Record<string, (text: string) => string> = {
  'percent-encoded in one character': (text) => text.replace('s', '%73'),
  'percent-encoded throughout': (text) =>
    text
      .split('')
      .map((each) => `%${each.charCodeAt(0).toString(16)}`)
      .join(''),
  'percent-encoded in upper case': (text) =>
    text
      .split('')
      .map((each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`)
      .join(''),
  'percent-encoded twice': (text) => text.replace('t', '%2574'),
  'in JSON escapes': (text) =>
    text
      .split('')
      .map((each) => `\\u00${each.charCodeAt(0).toString(16)}`)
      .join(''),
  'in one JSON escape': (text) => text.replace('d', '\\u0064'),
  'in \\x escapes': (text) => text.replace('n', '\\x6e'),
  'in base64': (text) => Buffer.from(text).toString('base64'),
  'in base64, one byte in': (text) => Buffer.from(`?${text}`).toString('base64'),
  'in base64, two bytes in': (text) => Buffer.from(`??${text}`).toString('base64'),
  'in base64url without padding': (text) => Buffer.from(`{"k":"${text}"}`).toString('base64url'),
  'in base64 within other base64 characters': (text) => `abcde${Buffer.from(text).toString('base64')}`,
  'percent-encoded in base64': (text) => encodeURIComponent(Buffer.from(text).toString('base64')).replace('c3', '%633'),
  'in base64 with a JSON escape in it': (text) => Buffer.from(`${text}\\u0041`).toString('base64'),
  'behind a false start': (text) => `standin${text.slice(text.indexOf('standin'))}`,
};
