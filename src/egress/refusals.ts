import { HeadTooLarge } from './wire/wire-error.ts';
import type { WireError } from './wire/wire-error.ts';

/**
 * Every way in which the proxy itself answers, with the status it gives. The code travels in `X-Standin-Error`, in the
 * JSON error envelope and in the audit row.
 */
export const refusals = {
  bad_request: 400,
  proxy_auth_required: 407,
  rate_limited: 429,
  too_many_connections: 429,
  sandbox_revoked: 403,
  host_denied: 403,
  credential_host_mismatch: 403,
  credential_not_bound: 403,
  credential_revoked: 503,
  method_not_allowed: 405,
  misdirected_request: 421,
  head_too_large: 431,
  expectation_failed: 417,
  http_version_not_supported: 505,
  vault_unavailable: 502,
  audit_unavailable: 503,
  shutting_down: 503,
  upstream_unreachable: 502,
  upstream_tls_failed: 502,
  upstream_protocol_error: 502,
  upstream_timeout: 504,
  response_unreadable: 502,
} as const;

export type RefusalCode = keyof typeof refusals;

export function isRefusalCode(text: string): text is RefusalCode {
  return Object.hasOwn(refusals, text);
}

export interface Refusal {
  code: RefusalCode;
  status: number;
  /** For the client: what is wrong and what would be right. Never a value. */
  message: string;
  /** Seconds. */
  retryAfter?: number;
}

export function refusal(
  code: RefusalCode,
  message: string,
  more: { status?: number; retryAfter?: number } = {},
): Refusal {
  return { code, status: refusals[code], message, ...more };
}

/** What a request is refused as that could not be read, by the status of its WireError; any other is `bad_request`. */
const unreadCodes: Partial<Record<number, RefusalCode>> = {
  405: 'method_not_allowed',
  417: 'expectation_failed',
  431: 'head_too_large',
  505: 'http_version_not_supported',
};

/** For a request that could not be read. */
export function unreadRefusal(error: WireError): Refusal {
  const { status, reason } = error;
  const cure = error instanceof HeadTooLarge ? '; the operator can raise that with STANDIN_EGRESS_MAX_HEAD_BYTES' : '';
  return refusal(unreadCodes[status] ?? 'bad_request', `${reason}${cure}`, { status });
}

const reasons: Record<number, string> = {
  400: 'Bad Request',
  403: 'Forbidden',
  405: 'Method Not Allowed',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  414: 'URI Too Long',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};

/** The response to a refused request: its fields, in the order in which they are written, and its content. */
export function refusalAnswer(refused: Refusal): { fields: [name: string, value: string][]; body: string } {
  const body = `${JSON.stringify({ error: { code: refused.code, message: refused.message } })}\n`;
  const fields: [string, string][] = [
    ['Content-Type', 'application/json'],
    ['Content-Length', String(Buffer.byteLength(body))],
    ['X-Standin-Error', refused.code],
    ['Cache-Control', 'no-store'],
  ];
  // RFC 9110 15.5.6: "The origin server MUST generate an Allow header field in a 405 response".
  if (refused.status === 405) fields.push(['Allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS']);
  if (refused.code === 'proxy_auth_required') fields.push(['Proxy-Authenticate', 'Basic realm="standin"']);
  if (refused.retryAfter !== undefined) fields.push(['Retry-After', String(refused.retryAfter)]);
  return { fields, body };
}

/** The same for HTTP/1.1, ready to write. */
export function refusalResponse(refused: Refusal, options: { keepAlive: boolean; head?: boolean }): Buffer {
  const { fields, body } = refusalAnswer(refused);
  fields.push(['Connection', options.keepAlive ? 'keep-alive' : 'close']);
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const statusLine = `HTTP/1.1 ${refused.status} ${reasons[refused.status] ?? 'Refused'}\r\n`;
  return Buffer.from(`${statusLine}${lines}\r\n${options.head === true ? '' : body}`, 'utf8');
}
