import { WireError } from '../wire-error.ts';
import { http2Header } from './header-field.ts';
import type { HeaderField } from './header-field.ts';
import { malformed, readRegularFields } from './message-fields.ts';
import type { RegularFields } from './message-fields.ts';

/** A response's field block, judged by RFC 9113 section 8.3.2. */
export interface ResponseFields {
  readonly regular: RegularFields;
  readonly status: number;
  /** 1xx: the final head is still to come. */
  readonly interim: boolean;
}

const statusCode = /^[1-9][0-9]{2}$/;

/** A WireError: the response is malformed, and its stream is to be reset with PROTOCOL_ERROR. */
export function readResponseFields(fields: readonly HeaderField[]): ResponseFields | WireError {
  const [first] = fields;
  if (first?.kind !== http2Header.status || !statusCode.test(first.value)) {
    return malformed(':status missing, not first, or no status code (RFC 9113 section 8.3.2)');
  }
  const regular = readRegularFields(fields, 1);
  if (regular instanceof WireError) return regular;
  const status = Number(first.value);
  // RFC 9113 8.6: "HTTP/2 removes support for the 101 (Switching Protocols) informational status code".
  if (status === 101) return malformed('status 101 (RFC 9113 section 8.6)');
  return { regular, status, interim: status < 200 };
}
