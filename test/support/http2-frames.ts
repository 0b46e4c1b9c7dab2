import { ConnectionFault } from '../../src/egress/wire/http2/fault.ts';
import { HpackDecoder } from '../../src/egress/wire/http2/hpack-decoder.ts';
import { frameFlag, frameType } from '../../src/egress/wire/http2/protocol.ts';
import { frame, opening } from '../unit/egress/http2/frames.ts';
import type { RigSandbox } from './egress-rig.ts';
import { readBytes } from './http-bytes.ts';
import { connectForHttp2 } from './http2-client.ts';

/** HTTP/2 through CONNECT by frames that the test writes itself, as no library would split or index them. */
export interface FrameConnection {
  /** Each piece is a TLS record of its own. */
  send(...pieces: Buffer[]): void;
  /** The fields of a stream's answer, as soon as it is over; `reset` where it was reset before it had one. */
  answer(stream: number): Promise<Record<string, string> | 'reset'>;
  /** The type of every frame that the proxy has sent. */
  readonly types: ReadonlySet<number>;
  close(): void;
}

export async function openFrameConnection(
  sandbox: Pick<RigSandbox, 'access' | 'ca'>,
  host: string,
): Promise<FrameConnection> {
  const tls = await connectForHttp2(sandbox, host);
  const reader = readBytes(tls);
  const decoder = new HpackDecoder();
  const heads = new Map<number, Record<string, string>>();
  const over = new Set<number>();
  const types = new Set<number>();
  tls.write(opening);

  /** One frame of the proxy. Its blocks fit into one HEADERS frame, without padding and priority. */
  async function next(): Promise<void> {
    const head = await reader.exactly(9);
    const payload = await reader.exactly(head.readUIntBE(0, 3));
    const [type = 0, flags = 0] = head.subarray(3);
    const id = head.readUInt32BE(5);
    types.add(type);
    if (type === frameType.settings && (flags & frameFlag.ack) === 0) tls.write(frame(frameType.settings, 1, {}));
    if (type === frameType.goaway) throw new Error(`the proxy gave up: ${payload.toString('latin1')}`);
    if (type === frameType.headers) {
      const fields = decoder.decode(payload, 0, payload.length);
      if (fields instanceof ConnectionFault) throw new Error(fields.reason);
      const known = heads.get(id) ?? {};
      for (const { name, value } of fields) known[name] = value;
      heads.set(id, known);
    }
    const ends =
      type === frameType.resetStream ||
      ((type === frameType.headers || type === frameType.data) && (flags & frameFlag.endStream) !== 0);
    if (ends) over.add(id);
  }

  return {
    send: (...pieces) => {
      for (const piece of pieces) if (piece.length > 0) tls.write(piece);
    },
    answer: async (stream) => {
      while (!over.has(stream)) await next();
      return heads.get(stream) ?? 'reset';
    },
    types,
    close: () => void tls.destroy(),
  };
}
