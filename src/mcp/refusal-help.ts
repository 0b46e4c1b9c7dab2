/**
 * What an agent does about a refusal of the egress proxy, by its code; docs/errors.md has all codes, for people too.
 * Codes that are not here are for the operator.
 */
export const refusalHelp: Readonly<Record<string, string>> = {
  host_denied: 'the network rules do not allow this host: make a sandbox whose allow_out names it, or do without',
  credential_host_mismatch:
    'a stand-in was sent to a host, or in a place, that its secret is not for: send it once, over https, to a host of the secret (secret_list), in the header that its API wants',
  credential_not_bound:
    "this stand-in is not bound to this sandbox: use the sandbox's own variable, not a copy from elsewhere; bind it again with secret_attach",
  credential_revoked: 'the secret was deleted: ask its owner to store it again, then secret_attach',
  method_not_allowed: 'TRACE would echo the credential: use another method',
  misdirected_request: 'Host, TLS name and URL name different hosts: send the request to the host that you connect to',
  rate_limited: 'too many requests or connections of this sandbox: wait, then send fewer at once',
  too_many_connections: 'too many connections of this sandbox: close some',
  head_too_large: 'the request head is too long: send fewer or shorter headers',
  upstream_unreachable: 'nobody answers at that host: check its name; the network rules allowed it',
  upstream_tls_failed: "the host's certificate does not verify: this is not switched off; check the name",
  upstream_timeout: 'the host did not answer in time: try again',
  response_unreadable: 'the answer was in a coding that cannot be searched for credentials: ask for gzip or none',
  vault_unavailable: 'the vault did not answer and nothing was sent: try again; if it stays, tell the operator',
  audit_unavailable: 'nothing is let through while the audit trail cannot be written: tell the operator',
};
