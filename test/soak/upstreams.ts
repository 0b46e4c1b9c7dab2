import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ServerCertificate } from '../support/certificates.ts';
import { http1Hosts, http2Host, steadyHost } from './plan.ts';
import type { FromUpstreams, ToUpstreams } from './upstream-messages.ts';

type Seen = Extract<FromUpstreams, { type: 'seen' }>;

/** The upstreams, in a process of their own. */
export interface Upstreams {
  pid: number;
  /** As `STANDIN_EGRESS_CONNECT_TO` takes it. */
  connectTo: string;
  /** Ends it, when all that it saw was reported: bytes, and connections that it reset. */
  stop(): Promise<{ received: number; resets: number }>;
}

/** `chaos`: it resets some connections of itself, beside what clients ask for. */
export async function startUpstreams(
  certificate: ServerCertificate,
  options: { seed: number; captureDirectory: string; chaos: boolean; onSeen: (seen: Seen) => void },
): Promise<Upstreams> {
  const child = fork(fileURLToPath(new URL('./upstream-main.ts', import.meta.url)), { serialization: 'advanced' });
  const tell = (message: ToUpstreams) => void child.send(message);
  const ports = Promise.withResolvers<Extract<FromUpstreams, { type: 'listening' }>>();
  const totals = Promise.withResolvers<{ received: number; resets: number }>();
  child.on('message', (message: FromUpstreams) => {
    if (message.type === 'listening') ports.resolve(message);
    else if (message.type === 'stopped') totals.resolve(message);
    else options.onSeen(message);
  });
  const early = (code: number | null) => new Error(`the process of the upstreams ended with ${code}`);
  child.once('exit', (code) => {
    ports.reject(early(code));
    totals.reject(early(code));
  });
  totals.promise.catch(() => undefined);
  const { seed, captureDirectory, chaos } = options;
  tell({ type: 'start', certPem: certificate.certPem, keyPem: certificate.keyPem, seed, captureDirectory, chaos });
  const { http1, http2, steady } = await ports.promise;
  const portOf = (host: string) => (host === http2Host ? http2 : host === steadyHost ? steady : http1);
  return {
    pid: child.pid ?? 0,
    connectTo: [...http1Hosts, http2Host].map((host) => `${host}:443:127.0.0.1:${portOf(host)}`).join(','),
    stop: async () => {
      const exited = once(child, 'exit');
      tell({ type: 'stop' });
      const { received, resets } = await totals.promise;
      await exited;
      return { received, resets };
    },
  };
}
