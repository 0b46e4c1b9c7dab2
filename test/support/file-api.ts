import type { SandboxWithAccess } from '../../src/client/client.ts';
import type { StandinServer } from './standin-server.ts';

/** The file API of one sandbox, as any client speaks it: nothing is checked on this side. */
export interface FileApi {
  /** `query` is what comes after `path=`, as it is sent. */
  get(query: string): Promise<Response>;
  put(query: string, body: string): Promise<Response>;
  list(query: string): Promise<Response>;
}

/** What a call to a sandbox's data plane says of whose it is. */
export function dataPlane(sandbox: Pick<SandboxWithAccess, 'id' | 'access_token'>): Record<string, string> {
  return { 'x-superserve-sandbox-id': sandbox.id, 'x-access-token': sandbox.access_token };
}

/** What a call may take: nothing that is in a sandbox keeps one waiting for longer. */
const withinMs = 60_000;

export function fileApi({ url, apiKey }: StandinServer, sandbox: SandboxWithAccess): FileApi {
  const headers = { ...dataPlane(sandbox), 'content-type': 'application/octet-stream' };
  const signal = () => AbortSignal.timeout(withinMs);
  return {
    get: (query) => fetch(`${url}/files?path=${query}`, { headers, signal: signal() }),
    put: (query, body) => fetch(`${url}/files?path=${query}`, { method: 'POST', headers, body, signal: signal() }),
    list: (query) =>
      fetch(`${url}/sandboxes/${sandbox.id}/files?path=${query}`, {
        headers: { 'x-api-key': apiKey },
        signal: signal(),
      }),
  };
}
