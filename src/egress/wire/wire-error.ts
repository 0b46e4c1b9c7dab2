/**
 * A message that is not HTTP as the RFCs have it. It is answered (by us, to a client) or replaced (a response of an
 * upstream) with `status`, and its connection is closed: where the next message would start is not known any more.
 */
export class WireError {
  readonly status: number;
  /** A fixed phrase: what is wrong, and by which section. It holds nothing of the message. */
  readonly reason: string;

  constructor(status: number, reason: string) {
    this.status = status;
    this.reason = reason;
  }
}

/** A head longer than its limit, which is not a rule of HTTP but a setting. */
export class HeadTooLarge extends WireError {
  constructor(limit: number) {
    super(431, `head over ${limit} bytes (RFC 6585 section 5)`);
  }
}
