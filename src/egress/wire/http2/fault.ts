import { errorCode } from './protocol.ts';

/** RFC 9113 section 5.4.1: the whole connection cannot go on. It is told by GOAWAY, then closed. */
export class ConnectionFault {
  /** One of `errorCode`. */
  readonly code: number;
  /** A fixed phrase: what is wrong, and by which section. It holds nothing that the peer sent. */
  readonly reason: string;

  constructor(code: number, reason: string) {
    this.code = code;
    this.reason = reason;
  }
}

/** RFC 9113 section 5.4.2: one stream cannot go on. It is told by RST_STREAM. */
export class StreamFault {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string) {
    this.code = code;
    this.reason = reason;
  }
}

export function protocolError(reason: string): ConnectionFault {
  return new ConnectionFault(errorCode.protocolError, reason);
}
