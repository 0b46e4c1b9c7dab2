/**
 * The key service that wraps data keys: a local file, or a service elsewhere. It sees data keys, never values.
 * `aad` is bound to what is wrapped: unwrapping under another `aad` must fail.
 */
export interface KeyProvider {
  /** Which kind of key service, as `STANDIN_KEY_PROVIDER` names it. */
  readonly id: string;
  /** Which key wraps now. Not a secret; two different keys never share it. */
  readonly keyId: string;
  wrap(dataKey: Uint8Array, aad: Uint8Array): Promise<WrappedKey>;
  /**
   * The data key, in a buffer that the caller wipes. Rejects with UnsealError where `keyId` is a key that this provider
   * does not hold (the message says which) or the bytes were altered; with another error where the service is out of reach.
   */
  unwrap(wrappedKey: Uint8Array, aad: Uint8Array, keyId: string): Promise<Buffer>;
}

export interface WrappedKey {
  wrappedKey: Uint8Array;
  /** The key that wrapped it, to be kept beside it. */
  keyId: string;
}
