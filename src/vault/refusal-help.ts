import type { RefusalHelp } from './console-types.ts';

/** Each code of the proxy in two sentences; docs/errors.md says more. */
const help: Record<string, readonly [cause: string, cure: string]> = {
  bad_request: ['the request is not valid HTTP, or names no proper host', 'fix the client'],
  proxy_auth_required: [
    'no proxy credentials, or wrong ones',
    'use the proxy URL as it was handed out, or make a new proxy token',
  ],
  rate_limited: ['too many wrong proxy credentials, or too many requests in a second', 'wait, and check the token'],
  too_many_connections: ['the sandbox has as many connections open as it may', 'close some'],
  sandbox_revoked: ['the sandbox was deleted', 'make another'],
  host_denied: [
    "the sandbox's network rules do not allow the host, or its address is not public",
    'add the host to allow_out; an address of your own to STANDIN_EGRESS_ALLOW_PRIVATE',
  ],
  credential_host_mismatch: [
    "a stand-in at a host or in a place that its secret's rule does not name, given twice, or without TLS",
    "send it once, over https, to one of the secret's hosts, in the place that its rule names",
  ],
  credential_not_bound: [
    "a stand-in that is not this sandbox's: another's, or one that was detached",
    "use the sandbox's own variable, or attach the secret",
  ],
  credential_revoked: ['the secret was deleted or detached', 'store it anew and attach it'],
  method_not_allowed: ['TRACE and TRACK would echo the credential', 'use another method'],
  misdirected_request: [
    'CONNECT name, SNI, Host and URL do not name one host and port',
    'send Host and SNI for the host that you connect to',
  ],
  head_too_large: ['the head of the request is too long', 'send fewer or shorter headers'],
  expectation_failed: ['an expectation that nobody meets', 'leave Expect out'],
  http_version_not_supported: ['an HTTP version that is not spoken here', 'use HTTP/1.1 or HTTP/2'],
  vault_unavailable: ['the vault did not answer, so nothing went out', "look at the server's log, then try again"],
  audit_unavailable: [
    'the audit trail cannot be written, so nothing is let through',
    "look at the server's log: the disk or the database",
  ],
  shutting_down: ['the server is stopping', 'try again'],
  upstream_unreachable: [
    'the name does not resolve, nobody answers there, or the connection broke off before an answer',
    'check the upstream',
  ],
  upstream_tls_failed: [
    "the upstream's certificate does not verify for the name",
    'fix the certificate; for a private authority, set STANDIN_EGRESS_CA_FILE',
  ],
  upstream_protocol_error: ["the upstream's answer is not valid HTTP", 'fix the upstream'],
  upstream_timeout: [
    'no connection, or no byte of an answer, in time',
    'raise STANDIN_EGRESS_FIRST_BYTE_TIMEOUT for upstreams that think long',
  ],
  response_unreadable: [
    'the answer is in a coding that cannot be searched for credentials',
    'have the upstream answer in gzip, deflate, br, zstd or plain, and whole',
  ],
  client_closed_request: ['the client went away before the answer began', 'nothing was refused; look at the client'],
};

export function refusalHelp(code: string): RefusalHelp {
  const [cause, cure] = help[code] ?? ['the proxy refused it', 'docs/errors.md lists what each code means'];
  return { code, cause, cure };
}

/** Every code that has a text. */
export const explainedCodes: readonly string[] = Object.keys(help);
