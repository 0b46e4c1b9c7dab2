import * as fc from 'fast-check';

/** Random messages of HTTP/1.1 that a proxy has to hand on to the byte (latin1), as fast-check makes them. */
const crlf = '\r\n';
const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const text = (characters: string, size: { minLength?: number; maxLength: number }) =>
  fc.string({ unit: fc.constantFrom(...characters.split('')), ...size });

export interface RandomRequest {
  method: string;
  target: string;
  lines: string[];
  body: RandomBody;
  /** The content is sent when 100 Continue has come. */
  waits: boolean;
}

export interface RandomResponse {
  /** Interim responses before it, each a whole head. */
  interims: string[];
  startLine: string;
  lines: string[];
  body: RandomBody;
  /** Its content ends with its connection. */
  closes: boolean;
}

/** The line that frames content, and the bytes that it announces. */
export interface RandomBody {
  framing: string;
  raw: string;
}

/** Names that the proxy has nothing to say about, in any case and with any token character; some come twice. */
const headerName = fc.oneof(
  fc
    .tuple(fc.constantFrom('x', 'X'), text(`${letters}!#$%&'*+-.^_\`|~`, { maxLength: 20 }))
    .map((parts) => parts.join('')),
  fc.constantFrom('X-Twice', 'x-twice', 'X-TWICE', 'set-cookie', 'Set-Cookie', 'ACCEPT', 'Vary', 'dAtE'),
);
const blanks = fc.constantFrom('', ' ', '  ', '\t', ' \t ');
/** Empty, or visible characters, blanks between them, and bytes above ASCII (RFC 9110 section 5.5). */
const headerValue = text(`${letters}"'(),/:;<=>?@[\\]{}%&*#! \t\u00a0\u00e9\u00ff`, { maxLength: 60 }).map((each) =>
  each.replaceAll(/^[ \t]+|[ \t]+$/g, ''),
);
const headerLine = fc
  .tuple(headerName, blanks, headerValue, blanks)
  .map(([name, ...valueAndBlanks]) => `${name}:${valueAndBlanks.join('')}${crlf}`);
const headerLines = fc.array(headerLine, { maxLength: 8 });
/** RFC 9110 section 6.5.1: not every field may be one. */
const trailerLines = fc.array(
  headerLine.filter((line) => /^x/i.test(line)),
  { maxLength: 3 },
);

const content = fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const chunk = fc
  .tuple(
    content.filter((each) => each !== ''),
    fc.boolean(),
    fc.constantFrom('', '0', '00'),
    fc.constantFrom('', ';a', ';a=b', '; a="b c"'),
  )
  .map(([data, upper, zeros, extension]) => {
    const size = data.length.toString(16);
    return `${zeros}${upper ? size.toUpperCase() : size}${extension}${crlf}${data}${crlf}`;
  });
const chunks = fc
  .tuple(fc.array(chunk, { maxLength: 4 }), fc.constantFrom('0', '000', '0;last'), trailerLines)
  .map(([each, last, trailers]) => `${each.join('')}${last}${crlf}${trailers.join('')}${crlf}`);
const body: fc.Arbitrary<RandomBody> = fc.oneof(
  content.map((each) => ({ framing: `Content-Length: ${each.length}${crlf}`, raw: each })),
  content.map((each) => ({ framing: `content-length:${each.length}${crlf}`, raw: each })),
  fc.constant({ framing: `Content-Length: 0${crlf}`, raw: '' }),
  chunks.map((raw) => ({ framing: `Transfer-Encoding: chunked${crlf}`, raw })),
  chunks.map((raw) => ({ framing: `transfer-encoding:  Chunked ${crlf}`, raw })),
);
const none: RandomBody = { framing: '', raw: '' };

/** What a careful URL parser would tidy up: it is not ours to tidy. */
const escape = fc.constantFrom(
  '%20',
  '%2F',
  '%2f',
  '%C3%A9',
  '%25',
  '%zz',
  '%',
  '+',
  '//',
  '/./',
  '/b/../',
  '?',
  '&&',
  '&a=2&a=1',
  '=',
);
const target = fc
  .array(fc.oneof(text(`${letters}/.;:@!$&'()*+,=-_~?%|^"<>{}`, { maxLength: 20 }), escape), { maxLength: 6 })
  .map((parts) => `/${parts.join('')}`);

const method = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'x-Odd!');
export const randomRequest: fc.Arbitrary<RandomRequest> = fc.oneof(
  fc.record({
    method,
    target,
    lines: headerLines,
    body: body.filter(({ raw }) => raw !== ''),
    waits: fc.boolean(),
  }),
  fc.record({
    method,
    target,
    lines: headerLines,
    body: fc.constantFrom(none, { framing: `Content-Length: 0${crlf}`, raw: '' }),
    waits: fc.constant(false),
  }),
);

const statusLine = (statuses: number[]) =>
  fc
    .tuple(fc.constantFrom(...statuses), text(`${letters} \u00e9`, { maxLength: 20 }))
    .map(([status, reason]) => `HTTP/1.1 ${status} ${reason}`);
const interim = fc
  .tuple(statusLine([102, 103, 104, 199]), headerLines)
  .map(([line, lines]) => `${line}${crlf}${lines.join('')}${crlf}`);

/** An answer to a request of the method `asked`. */
export function randomResponse(asked: string): fc.Arbitrary<RandomResponse> {
  const final = statusLine([200, 201, 301, 400, 404, 418, 500, 599, 999]);
  const rest = { interims: fc.array(interim, { maxLength: 2 }), lines: headerLines };
  const open = { ...rest, closes: fc.constant(false) };
  // RFC 9112 section 6.3: no content, whatever these say of it.
  const announced = fc.oneof(
    body.map(({ framing }) => ({ framing, raw: '' })),
    fc.constant(none),
  );
  if (asked === 'HEAD') return fc.record({ ...open, startLine: final, body: announced });
  return fc.oneof(
    { weight: 6, arbitrary: fc.record({ ...open, startLine: final, body }) },
    { weight: 1, arbitrary: fc.record({ ...open, startLine: statusLine([304]), body: announced }) },
    { weight: 1, arbitrary: fc.record({ ...open, startLine: statusLine([204]), body: fc.constant(none) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        ...rest,
        startLine: final,
        body: content.map((raw) => ({ framing: '', raw })),
        closes: fc.constant(true),
      }),
    },
  );
}

/** The head of a message: `needed` lines and its framing amid its own. */
export function writeHead(
  startLine: string,
  { lines, body: { framing } }: { lines: string[]; body: RandomBody },
  needed: readonly string[] = [],
): string {
  const half = Math.floor(lines.length / 2);
  return [startLine + crlf, ...lines.slice(0, half), ...needed, framing, ...lines.slice(half), crlf].join('');
}
