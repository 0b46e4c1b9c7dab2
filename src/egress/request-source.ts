import type { ConnectionRows } from './connection-rows.ts';
import type { EgressContext, TrackedConnection } from './context.ts';
import type { Exchange } from './exchange.ts';
import type { Refusal } from './refusals.ts';
import type { SandboxEntry } from './registry.ts';
import type { Destination, Refused } from './target.ts';
import type { Share } from './turns.ts';
import type { UpstreamTarget } from './upstream.ts';
import type { ResponseHead } from './wire/head.ts';

/** What is kept of a connection from one of its requests to the next. */
export interface SharedRoute {
  /** Where its requests go, worked out once for each set of rules. */
  route: { entry: SandboxEntry; target: UpstreamTarget } | null;
  /** What becomes of the connection, for each host that its requests go to. */
  readonly rows: ConnectionRows;
}

/** Where a request comes from and its answer goes: a connection of HTTP/1.1, or one stream of HTTP/2. */
export interface RequestSource extends TrackedConnection {
  readonly context: EgressContext;
  deadline: number;
  readonly remoteAddress: string;
  /** The sandbox whose listener or tunnel it is; null: each request says itself whose it is, whatever those before it said. */
  readonly caller: string | null;
  /** Null for a connection to the proxy itself. */
  readonly destination: Destination | null;
  readonly misdirected: Refused | null;
  readonly shared: SharedRoute;
  /** Of what the worker can do; null: not known whose. */
  readonly share: Share | null;
  /** A request said whose it is: from now on the connection is read in that sandbox's turns. */
  identified(sandboxId: string): Share;
  /** It speaks HTTP/1.1, so that an answer in it may go through as the bytes that it is. */
  readonly passesBytes: boolean;
  /** Bytes as they are, of an answer in HTTP/1.1 or of another protocol; lent for the call. False: wait for `clientDrained`. */
  write(bytes: Buffer): boolean;
  /** An answer before the final one, or the switch to another protocol. */
  interim(head: ResponseHead): void;
  /** For an answer that does not go through as it is. */
  answer(): AnswerWriter;
  /** The proxy's own answer. */
  refuse(refused: Refusal, options: { keepAlive: boolean; head: boolean }): void;
  /** Reads no more of the request for now. */
  pause(): void;
  resume(): void;
  /** Reads on, what is held first: of the next request, or of the protocol that was switched to. */
  goOn(): void;
  /** The answer is written: the next request's turn, or the end. */
  finish(exchange: Exchange, options: { keepAlive: boolean }): void;
  /** Ends our side, and goes on reading. */
  endWriting(): void;
  /** Everything is said. */
  close(): void;
}

/** How the length of an answer's content is told: not at all, in its head, or by its framing. */
export type ContentLength = 'none' | 'announced' | 'open';

export interface AnswerHead {
  readonly content: ContentLength;
  readonly closes: boolean;
  readonly omits?: ((lowerName: string) => boolean) | null;
}

/** Writes one answer piece by piece. */
export interface AnswerWriter {
  /** `omits`: whether a field, given by its lower-case name, is left out. */
  head(head: ResponseHead, options: AnswerHead): void;
  /** Lent for the call. False: wait for `clientDrained`. */
  content(bytes: Buffer): boolean;
  /** `trailers`: their lines and the empty line. */
  end(trailers: Buffer | null): void;
}
