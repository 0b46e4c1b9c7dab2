/** RFC 9113 section 7: "the endpoint requires that HTTP/1.1 be used instead of HTTP/2." */
const http11Required = 0xd;
const goAwayType = 7;
const settingsType = 4;
const frameHeaderLength = 9;

/** Where HTTP/2 begins and is not spoken, as a connection's row says it. */
export const unspokenHttp2 = {
  cleartext: 'HTTP/2 without TLS',
  /** By ALPN, or by the lack of it: RFC 9113 section 3.2 has HTTP/2 over TLS agreed on so. */
  notAgreed: 'HTTP/2 where HTTP/1.1 was agreed',
} as const;

/**
 * The answer to HTTP/2 by prior knowledge where it is not spoken: the server's preface (an empty SETTINGS frame, RFC 9113
 * section 3.4), then GOAWAY that says `what` in its debug data (section 6.8).
 */
export function http2Refusal(what: string): Buffer {
  const debug = Buffer.from(`${what} is not spoken here`, 'latin1');
  const settings = frame(settingsType, 0);
  const goAway = frame(goAwayType, 8 + debug.length);
  goAway.writeUInt32BE(0, frameHeaderLength);
  goAway.writeUInt32BE(http11Required, frameHeaderLength + 4);
  debug.copy(goAway, frameHeaderLength + 8);
  return Buffer.concat([settings, goAway]);
}

/** A frame of the connection (stream 0) without flags, its payload still empty. */
function frame(type: number, length: number): Buffer {
  const bytes = Buffer.alloc(frameHeaderLength + length);
  bytes.writeUIntBE(length, 0, 3);
  bytes.writeUInt8(type, 3);
  return bytes;
}
