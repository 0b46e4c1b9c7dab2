/** RFC 8446 section 6: why a handshake that has not begun is refused, in the client's own protocol. */
const descriptions = {
  decode_error: 50,
  access_denied: 49,
  internal_error: 80,
  unrecognized_name: 112,
} as const;

export type TlsAlert = keyof typeof descriptions;

/** A fatal alert as a record of its own, as it goes out before any key is known. */
export function tlsAlert(alert: TlsAlert): Buffer {
  return Buffer.from([0x15, 3, 3, 0, 2, 2, descriptions[alert]]);
}
