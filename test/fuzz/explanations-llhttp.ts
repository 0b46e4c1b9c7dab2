import { splice } from './explanation.ts';
import type { Explanation } from './explanation.ts';
import { isForAnother } from './forwarded.ts';
import { knownMethods } from './llhttp.ts';
import { isInterim } from './our-reader.ts';

/** Why we are right where llhttp refuses what we pass on. */
export const llhttpExplanations: readonly Explanation[] = [
  {
    name: 'a method that llhttp has no number for',
    rfc: 'RFC 9110 section 9.1: "method = token". "An origin server that receives a request method that is unrecognized or not implemented SHOULD respond with the 501 (Not Implemented) status code": it is for the origin to say.',
    error: /HPE_INVALID_METHOD|HPE_INVALID_VERSION: Expected HTTP\/2 Connection Preface/,
    rewrite: (bytes, { messages, index }) => {
      const message = messages[index];
      if (message === undefined || !('method' in message.head) || knownMethods.has(message.head.method)) return null;
      const { start, head } = message;
      return splice(bytes, { start, end: start + head.method.length, text: 'POST' });
    },
  },
  {
    name: 'a target that is refused here for the host it names, where only the framing is read',
    rfc: "RFC 9112 section 3.2.2: the authority of an absolute target is a URI host. `resolveRequest` refuses any other, and every one that is not the connection's; the request goes nowhere.",
    error: /HPE_INVALID_URL/,
    rewrite: (bytes, { messages, index }) => {
      const message = messages[index];
      if (message === undefined || !('method' in message.head) || !isForAnother(message.head)) return null;
      const start = message.start + message.head.method.length + 1;
      return splice(bytes, { start, end: start + message.head.target.length, text: '/' });
    },
  },
  {
    name: 'a chunk extension that is not of the form that llhttp wants',
    rfc: 'RFC 9112 section 7.1.1: "A recipient MUST ignore unrecognized chunk extensions." It allows blanks around ";" and "=". No CR, LF or other control is let through in one, so it ends where every reader ends it.',
    error: /HPE_(?:STRICT|INVALID_CHUNK_SIZE): Invalid character in chunk extensions/,
    rewrite: (bytes, { messages, index }) => {
      const message = messages[index];
      if (message?.head.framing.kind !== 'chunked') return null;
      const { bodyStart, end } = message;
      return splice(bytes, {
        start: bodyStart,
        end,
        text: withoutExtensions(bytes.toString('latin1', bodyStart, end)),
      });
    },
  },
  {
    name: 'an interim response that says that the connection closes',
    rfc: 'RFC 9110 section 15.2: "A client MUST be able to parse one or more 1xx responses received prior to a final response". RFC 9112 section 9.6: with "close" the connection ends "after it sends the final response".',
    error: /HPE_CLOSED_CONNECTION/,
    rewrite: (bytes, { messages, index }) => {
      const interim = messages[index - 1];
      if (interim === undefined || !('status' in interim.head) || !isInterim(interim.head) || interim.head.keepAlive)
        return null;
      return splice(bytes, {
        start: interim.start,
        end: interim.bodyStart,
        text: `HTTP/1.1 ${interim.head.status} \r\n\r\n`,
      });
    },
  },
  {
    name: 'Proxy-Connection taken for Connection',
    rfc: 'RFC 9112 section 9.3 knows the close option of Connection alone. Appendix C.2.2 has Proxy-Connection as a field that some clients send, and encourages them not to: it is dropped here, and says nothing of our connections.',
    error: /HPE_CLOSED_CONNECTION|we keep the connection, llhttp does not/,
    rewrite: (bytes, { messages, index }) => {
      const { start } = messages[Math.max(0, index - 1)] ?? {};
      const { bodyStart } = messages[index] ?? {};
      if (start === undefined || bodyStart === undefined) return null;
      const text = bytes
        .toString('latin1', start, bodyStart)
        .replaceAll(/^proxy-connection(?=:)/gim, 'x-said-for-proxy');
      return splice(bytes, { start, end: bodyStart, text });
    },
  },
];

/** A chunked body, or the beginning of one, that the proxy took. */
function withoutExtensions(body: string): string {
  let text = '';
  let at = 0;
  for (;;) {
    const line = /^([0-9A-Fa-f]+)([^\r]*)((?:\r\n?)?)/.exec(body.slice(at));
    const [whole = '', digits = '', , end = ''] = line ?? [];
    const size = Number.parseInt(digits, 16);
    text += digits + end;
    at += whole.length;
    if (!(size > 0)) return text + body.slice(at);
    text += body.slice(at, at + size + 2);
    at += size + 2;
  }
}
