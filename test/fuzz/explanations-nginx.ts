import { splice } from './explanation.ts';
import type { Explanation } from './explanation.ts';

/** The fields that nginx 1.22 refuses a second line of, but for those that we refuse as well. */
const singletons = new Set([
  'authorization',
  'content-range',
  'content-type',
  'expect',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
  'upgrade',
  'user-agent',
]);

/** Why we are right where nginx refuses what we pass on. */
export const nginxExplanations: readonly Explanation[] = [
  {
    name: 'a tab before a value',
    rfc: 'RFC 9112 section 5: field-line = field-name ":" OWS field-value OWS; RFC 9110 section 5.6.3: OWS = *( SP / HTAB ). nginx takes a tab for part of the value.',
    error: /^nginx (?:refuses: (?:400|501)|reads another)/,
    rewrite: (bytes, { messages, index }) => {
      const { start = 0, bodyStart = 0 } = messages[index] ?? {};
      const text = bytes
        .toString('latin1', start, bodyStart)
        .replaceAll(/:[ \t]+|[ \t]+(?=\r\n)/g, (blanks) => blanks.replaceAll('\t', ' '));
      return splice(bytes, { start, end: bodyStart, text });
    },
  },
  {
    name: 'a method that is not of capital letters',
    rfc: 'RFC 9110 section 9.1: "method = token". "An origin server that receives a request method that is unrecognized or not implemented SHOULD respond with the 501 (Not Implemented) status code": it is for the origin to say.',
    error: /^nginx refuses: 400/,
    rewrite: (bytes, { messages, index }) => {
      const message = messages[index];
      if (message === undefined || !('method' in message.head) || /^[A-Z_-]+$/.test(message.head.method)) return null;
      return splice(bytes, { start: message.start, end: message.start + message.head.method.length, text: 'POST' });
    },
  },
  {
    name: 'a field twice that is not a list, but does not frame the message',
    rfc: 'RFC 9110 section 5.3: a sender MUST NOT repeat such a field, and "a proxy MUST NOT change the order of these field line values when forwarding a message". None of them frames a message or names its host; what two of them mean is for the origin to say. Where a rule owns the field, every line of it goes.',
    error: /^nginx refuses: 400/,
    rewrite: (bytes, { messages, index }) => {
      const { start = 0, bodyStart = 0 } = messages[index] ?? {};
      const seen = new Set<string>();
      const text = bytes.toString('latin1', start, bodyStart).replaceAll(/^[^:\r\n]+(?=:)/gm, (name) => {
        const lower = name.toLowerCase();
        if (!singletons.has(lower) || !seen.has(lower)) {
          seen.add(lower);
          return name;
        }
        return `x-second-${name}`;
      });
      return splice(bytes, { start, end: bodyStart, text });
    },
  },
  {
    name: '"close" as a part of another connection option',
    rfc: 'RFC 9110 section 7.6.1: Connection = #connection-option, connection-option = token. nginx looks for the letters anywhere in the value, and closes.',
    error: /^nginx refuses: 0/,
    rewrite: (bytes, { messages, index }) => {
      const { start, bodyStart } = messages[index - 1] ?? {};
      if (start === undefined || bodyStart === undefined) return null;
      const text = bytes
        .toString('latin1', start, bodyStart)
        .replaceAll(/^connection:.*close.*(?=\r)/gim, 'Connection: a');
      return splice(bytes, { start, end: bodyStart, text });
    },
  },
  {
    name: 'a path that nginx cannot map to its files: above the root, or with an escape that is none',
    rfc: 'RFC 9110 section 7.7: "A proxy MUST NOT modify the "absolute-path" and "query" parts of the received target URI when forwarding it". What the path means is for the origin to say; path rules here judge it normalised.',
    error: /^nginx refuses: 400/,
    rewrite: (bytes, { messages, index }) => {
      const message = messages[index];
      if (message === undefined || !('method' in message.head)) return null;
      const start = message.start + message.head.method.length + 1;
      return splice(bytes, { start, end: start + message.head.target.length, text: '/' });
    },
  },
];
