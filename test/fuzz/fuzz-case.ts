/** The bytes of one side of a connection, from its first to its last. */
export interface FuzzCase {
  side: 'request' | 'response';
  bytes: Buffer;
  /** What is answered, one after the other, where the bytes are responses; beyond its end everything answers a GET. */
  methods: readonly string[];
  /** Where a second reading splits the bytes, ascending; empty: after each byte. */
  cuts: readonly number[];
}

/** Where the bytes of a case are split, their end included. */
export function feedEnds({ bytes, cuts }: Pick<FuzzCase, 'bytes' | 'cuts'>): readonly number[] {
  if (cuts.length > 0) return [...cuts.filter((cut) => cut > 0 && cut < bytes.length), bytes.length];
  return Array.from(bytes, (_, index) => index + 1);
}
