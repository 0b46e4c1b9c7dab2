import type { ResponseHead } from './head.ts';
import { rewriteHead } from './head-writer.ts';
import { isHopByHop, isNotForUpstreams, knownHeader } from './known-headers.ts';

/**
 * An upstream's response head as it goes on to the client: in HTTP/1.1 (RFC 9112 section 2.3), without the fields of the upstream connection (RFC 9110
 * section 7.6.1) and those that are not its to send. `lines` are added at the end, without CRLF.
 * A switch of protocols keeps its Upgrade. `reframed`: what framed the content goes too; `omits`: so do these fields, by
 * their lower-case names.
 */
export function buildResponseHead(
  { lines, minorVersion, status, reason, upgrade, connectionTokens }: ResponseHead,
  options: {
    lines?: readonly string[];
    body?: Buffer;
    reframed?: boolean;
    omits?: ((lowerName: string) => boolean) | null;
  } = {},
): Buffer {
  const { omits = null } = options;
  const switches = status === 101 && upgrade !== null;
  const added = [...(switches ? ['Connection: Upgrade'] : []), ...(options.lines ?? [])].map((line) => `${line}\r\n`);
  return rewriteHead(lines, {
    ...(minorVersion === 0 ? { startLine: [`HTTP/1.1 ${status} ${reason}`] } : {}),
    drop: (line) => {
      const kind = lines.kinds[line] ?? knownHeader.other;
      if (kind === knownHeader.upgrade) return !switches;
      if (kind === knownHeader.contentLength || kind === knownHeader.transferEncoding) return options.reframed === true;
      if (isHopByHop(kind) || isNotForUpstreams(kind)) return true;
      if (connectionTokens.length === 0 && omits === null) return false;
      const name = lines.name(line).toLowerCase();
      return connectionTokens.includes(name) || omits?.(name) === true;
    },
    insert: [{ line: lines.count, pieces: added }],
    ...(options.body === undefined ? {} : { body: options.body }),
  });
}

/**
 * Whether a response's head may go on byte for byte: nothing in it belongs to the upstream connection but a `keep-alive`
 * that is as true of the client's, and nothing is not its to send. Most are so, and then need no copy.
 */
export function goesOnUnchanged({ lines, status, connectionTokens }: ResponseHead): boolean {
  if (status === 101 || !connectionTokens.every((token) => token === 'keep-alive')) return false;
  for (const kind of lines.kinds) {
    if (isNotForUpstreams(kind) || (isHopByHop(kind) && kind !== knownHeader.connection)) return false;
  }
  return true;
}
