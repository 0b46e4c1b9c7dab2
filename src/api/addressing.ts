import type { IncomingMessage } from 'node:http';
import { sandboxOf } from '../contract/exec-wire.ts';
import { StandinError } from '../errors.ts';

/** Whom a request addresses, by its `Host` and the routing header. */
export interface Addressing {
  /** True where the host name is a sandbox's own: only its data plane is served there. */
  dataPlaneHost: boolean;
  sandboxId: string | undefined;
}

export interface AddressingOptions {
  dataplaneDomain: string;
  /** Names beside the loopback ones by which this server may be called on a loopback address. */
  hosts: readonly string[];
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const loopbackName = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;
const loopbackAddress = /^(?:::ffff:)?127\.|^::1$/;

/**
 * Throws `forbidden` where a loopback listener is called by a name that is not its own: a web page whose name was made
 * to resolve to 127.0.0.1 (DNS rebinding) sends that name.
 */
export function addressingOf(request: IncomingMessage, options: AddressingOptions): Addressing {
  // RFC 9112, section 3.2.
  if ((request.headersDistinct['host']?.length ?? 0) > 1) {
    throw new StandinError('bad_request', 'Host: is given twice');
  }
  const host = (request.headers.host ?? '').toLowerCase().replace(/:\d{1,5}$/, '');
  const suffix = `.${options.dataplaneDomain}`;
  const ownId = host.startsWith('boxd-') && host.endsWith(suffix) ? host.slice(5, -suffix.length) : undefined;
  const dataPlaneHost = ownId !== undefined && uuid.test(ownId);
  const local = loopbackAddress.test(request.socket.localAddress ?? '');
  // By the domain alone the header says which sandbox is meant.
  const shared = host === options.dataplaneDomain;
  if (local && !dataPlaneHost && !shared && !loopbackName.test(host) && !options.hosts.includes(host)) {
    throw new StandinError('forbidden', 'Host: is not a name of this server; call it by the address it listens on');
  }
  const header =
    request.headers['x-superserve-sandbox-id'] ?? sandboxOf(request.headers['sec-websocket-protocol'] ?? '');
  const named = typeof header === 'string' && uuid.test(header.toLowerCase()) ? header.toLowerCase() : undefined;
  if (dataPlaneHost && header !== undefined && named !== ownId) {
    throw new StandinError('bad_request', 'X-Superserve-Sandbox-Id: names another sandbox than the host does');
  }
  return { dataPlaneHost: dataPlaneHost || shared, sandboxId: dataPlaneHost ? ownId : named };
}
