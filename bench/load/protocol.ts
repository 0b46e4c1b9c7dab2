/** One way to what is measured: one client of it. */
export interface LoadTarget {
  port: number;
  /** Name in SNI, checked against the certificate. */
  host: string;
  /** What requests are for: `host`, with a port where it is not 443. */
  authority: string;
  /** PEM of the roots trusted. */
  ca: string;
  /** Where set: CONNECT with this `Proxy-Authorization` comes first; empty: without the header. */
  tunnelAs: string | null;
  /** What it sends as its credential. */
  credential: string;
}

/** What is asked for; an answer with another status than 200 or another length fails the run. */
export interface LoadRequest {
  path: string;
  bodyBytes: number;
}

/** How connections are made and shared. */
export interface LoadShape {
  protocol: 'http/1.1' | 'h2';
  /** Requests that may be under way at once. */
  lanes: number;
  /** Connections; HTTP/1.1: at least one a lane, which take turns; HTTP/2: the lanes are streams spread over them. */
  connections: number;
  /** HTTP/1.1: each request on a connection of its own. */
  newConnections: boolean;
}

/** One measurement, asked of the load generator. */
export interface LoadOrder extends LoadShape {
  /** Connections take them in turn. */
  targets: LoadTarget[];
  request: LoadRequest;
  /** Null: closed loop. Else requests a second, sent whether or not those before were answered. */
  rate: number | null;
  /** Asked for so long before, uncounted. */
  warmUpMs: number;
  measureMs: number;
  /** Processes whose CPU time is taken, until they are at rest after the last request. */
  pids: number[];
}

export interface LoadResult {
  requests: number;
  seconds: number;
  /** CPU time for these requests, of each of `pids` in its order. */
  cpuNanoseconds: number[];
  /** From the moment a request was due until its last byte; milliseconds. */
  p50: number;
  p99: number;
  /** TLS version and cipher of the client's side, so that a reader sees that all were measured with the same. */
  cipher: string;
}

/** What the generator sends back. */
export type LoadAnswer = { result: LoadResult } | { failure: string };
