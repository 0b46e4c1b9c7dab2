/** What is measured. All legs are TLS; the credential in `Authorization` is swapped in each request. */
export interface Scenario {
  name: string;
  summary: string;
  /** Path at the upstream, and the size of its body in bytes. */
  path: string;
  bodyBytes: number;
  /** Lanes of the closed loop: each asks again as soon as it was answered. */
  lanes: number;
  /** Each request on a connection of its own: TCP, CONNECT where the proxy takes it, TLS without resumption. */
  newConnections: boolean;
  /** Requests a second of the open loop, from which the latencies come: well below what any peer can do on a core. */
  rate: number;
}

export const scenarios: readonly Scenario[] = [
  {
    name: 'http1-1kb',
    summary: '1 KB on keep-alive',
    path: '/1kb',
    bodyBytes: 1024,
    lanes: 32,
    newConnections: false,
    rate: 4000,
  },
  {
    name: 'http1-1mb',
    summary: '1 MB on keep-alive',
    path: '/1mb',
    bodyBytes: 1024 * 1024,
    lanes: 8,
    newConnections: false,
    rate: 150,
  },
  {
    name: 'new-connection',
    summary: '1 KB, a new connection for each request (Standin: CONNECT included)',
    path: '/1kb',
    bodyBytes: 1024,
    lanes: 8,
    newConnections: true,
    rate: 200,
  },
];

/** Scenarios that the interface knows and that cannot be measured yet, with the reason. */
export const unavailable: Readonly<Record<string, string>> = {
  'http2-100': 'Standin speaks HTTP/1.1 only, so there is nothing to compare yet',
};
