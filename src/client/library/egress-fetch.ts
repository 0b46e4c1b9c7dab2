import { ProxyAgent, fetch as fetchBy } from 'undici';
import type { SandboxEgress } from './sandbox-info.ts';

/** The agents of egress settings that are still in use, so that requests share connections. */
const agents = new WeakMap<SandboxEgress, ProxyAgent>();

/** `fetch` through the egress proxy, trusting its CA and no other. Node only: bundlers for browsers replace this file. */
export async function egressFetch(egress: SandboxEgress, input: string | URL, init: RequestInit): Promise<Response> {
  let agent = agents.get(egress);
  if (agent === undefined) {
    agent = agentOf(egress);
    agents.set(egress, agent);
  }
  const { body, status, statusText, headers, url } = await fetchBy(input, { ...init, dispatcher: agent });
  // The global class, whatever `fetch` it came by.
  const response = new Response(body, { status, statusText, headers: [...headers] });
  return Object.defineProperty(response, 'url', { value: url });
}

function agentOf({ proxyUrl, caPem }: SandboxEgress): ProxyAgent {
  const { username, password, protocol, host } = new URL(proxyUrl);
  const credentials = btoa(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`);
  return new ProxyAgent({
    uri: `${protocol}//${host}`,
    token: `Basic ${credentials}`,
    requestTls: { ca: caPem },
    proxyTls: { ca: caPem },
  });
}
