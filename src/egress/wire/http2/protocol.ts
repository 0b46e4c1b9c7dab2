/** Frame types (RFC 9113 section 6). */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags; `ack` is that of SETTINGS and PING. */
export const frameFlag = { endStream: 0x01, ack: 0x01, endHeaders: 0x04, padded: 0x08, priority: 0x20 } as const;

/** RFC 9113 section 7. */
export const errorCode = {
  noError: 0x0,
  protocolError: 0x1,
  internalError: 0x2,
  flowControlError: 0x3,
  settingsTimeout: 0x4,
  streamClosed: 0x5,
  frameSizeError: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compressionError: 0x9,
  connectError: 0xa,
  enhanceYourCalm: 0xb,
  inadequateSecurity: 0xc,
  http11Required: 0xd,
} as const;

/** RFC 9113 section 6.5.2, RFC 8441 section 3 and RFC 9218 section 2.1. */
export const setting = {
  headerTableSize: 0x1,
  enablePush: 0x2,
  maxConcurrentStreams: 0x3,
  initialWindowSize: 0x4,
  maxFrameSize: 0x5,
  maxHeaderListSize: 0x6,
  enableConnectProtocol: 0x8,
  noRfc7540Priorities: 0x9,
} as const;

/** RFC 9113 section 3.4: what a client sends before its first frame. */
export const clientPreface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export const frameHeaderBytes = 9;
/** RFC 9113 section 4.2: the largest payload until the receiver announces another; we never do, and never send more. */
export const maxFrameBytes = 16_384;
/** RFC 9113 section 6.9.1. */
export const maxWindow = 0x7fff_ffff;
/** RFC 9113 section 6.9.2: every window before anybody says otherwise. */
export const defaultWindow = 65_535;
/** RFC 9113 section 6.5.2. */
export const defaultHeaderTableBytes = 4096;
