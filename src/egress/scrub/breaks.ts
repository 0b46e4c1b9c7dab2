/**
 * What may stand between two characters of an encoding without being one of them (latin1). An indentation is not among
 * them: to look for it, every run of spaces would have to be looked at.
 */
export type Break = string;

/** Line breaks inside base64 (RFC 2045 section 6.8 wants one every 76 characters): as they are and in a JSON string. */
export const lineBreaks: readonly Break[] = ['\n', '\r\n', '\\n', '\\r\\n'];

/** Soft line breaks of quoted-printable (RFC 2045 section 6.7, rule 5), also as programs on Unix write them. */
export const softBreaks: readonly Break[] = ['=\r\n', '=\n'];

/** Between the bytes of a list: JSON, what a debugger prints, an array of C. */
export const listBreaks: readonly Break[] = [',', ', ', ' ', ',\n', ',\r\n'];

/** Between the bytes of a hexadecimal dump, besides those of lists. */
export const dumpBreaks: readonly Break[] = [...listBreaks, ':', '-'];
