/**
 * Fields as one unambiguous byte string: for each its length (32 bits, big-endian), then its UTF-8. No two different
 * lists give the same bytes, whatever the fields hold.
 */
export function encodeFields(fields: readonly string[]): Buffer {
  return Buffer.concat(
    fields.flatMap((field) => {
      const bytes = Buffer.from(field, 'utf8');
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}
