import type { HeaderField } from './header-field.ts';
import { SendQueue } from './send-queue.ts';
import type { ResponseFields } from './response-fields.ts';

/** Why a stream ended before its time. */
export interface StreamReset {
  /** One of `errorCode`. `noError` of a peer that has ended its answer: it wants no more content (RFC 9113 section 8.1). */
  readonly code: number;
  /** A fixed phrase. */
  readonly reason: string;
  /** The peer said so; otherwise it broke the protocol, or the connection is gone. */
  readonly byPeer: boolean;
  /** RFC 9113 section 8.7: the peer says that it did nothing with the request, so it may be sent again. */
  readonly unprocessed: boolean;
}

/** What happens on one stream. `bytes` are lent: they are overwritten after the call. */
export interface StreamHandler {
  /** Client: 1xx. */
  onInterim(stream: Http2Stream, response: ResponseFields): void;
  /** Client: the final head. */
  onResponse(stream: Http2Stream, response: ResponseFields, endStream: boolean): void;
  /** Content. Whoever has taken it says so with `consume`, or the peer may soon send no more. `bytes` may be empty at the end. */
  onData(stream: Http2Stream, bytes: Buffer, endStream: boolean): void;
  /** They end the stream. */
  onTrailers(stream: Http2Stream, fields: readonly HeaderField[]): void;
  /** What `sendData` had to keep has been written: it may be given more. */
  onWritable(stream: Http2Stream): void;
  /** Nothing more comes or goes. */
  onReset(stream: Http2Stream, reset: StreamReset): void;
}

/** One stream of a connection (RFC 9113 section 5.1). Its fields are the connection's business; `handler` is the owner's. */
export class Http2Stream {
  readonly id: number;
  handler: StreamHandler | null;
  /** We have sent END_STREAM, or it is queued. */
  localEnded = false;
  /** END_STREAM has left. */
  localSent = false;
  remoteEnded = false;
  /** Nothing more is wanted of the peer: once our end has left, it is told so. */
  restUnwanted = false;
  /** Reset by either side: it is in no state any more. */
  gone = false;
  /** The final head has been sent (server) or received (client). */
  answered = false;
  /** Client: the final head is still to come. */
  awaitsHead = false;
  /** Client: the answer to HEAD has no content, whatever its length says. */
  readonly headOnly: boolean;
  /** RFC 9113 section 5.2: what we may send. May be negative after a change of settings. */
  sendWindow: number;
  /** What the peer may send. */
  receiveWindow: number;
  /** Content that was handed on and not yet taken. */
  unconsumed = 0;
  /** Content that was taken, and whose room the peer has not been given back. */
  credit = 0;
  /** What Content-Length said, or -1. */
  expected = -1;
  received = 0;
  /** Small parts of content out of the bytes being read, which wait to be handed on together. */
  readonly parts: Buffer[] = [];
  interims = 0;
  /** Content that waits for a window or for the socket. */
  readonly queue = new SendQueue();
  /** How much of it waited when it was last looked at whether the peer takes any; -1: never. */
  waitedBefore = -1;
  trailers: readonly HeaderField[] | null = null;
  /** `sendData` said that it wants no more. */
  waited = false;
  /** The chain of streams that have something to send. */
  nextReady: Http2Stream | null = null;
  previousReady: Http2Stream | null = null;
  isReady = false;
  /** The chain of a slot in the connection's table. */
  nextInSlot: Http2Stream | null = null;

  constructor(id: number, about: { sendWindow: number; receiveWindow: number; headOnly: boolean }) {
    this.id = id;
    this.handler = null;
    this.sendWindow = about.sendWindow;
    this.receiveWindow = about.receiveWindow;
    this.headOnly = about.headOnly;
  }

  /** Whether anything is still to leave: content, trailers or the end. */
  get hasUnsent(): boolean {
    return this.queue.size > 0 || (this.localEnded && !this.localSent);
  }
}
