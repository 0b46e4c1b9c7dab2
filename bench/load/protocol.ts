/** How to reach what is measured. */
export interface LoadTarget {
  port: number;
  /** Name in SNI, checked against the certificate. */
  host: string;
  /** PEM of the roots trusted. */
  ca: string;
  /** Where set: CONNECT `host:443` with this `Proxy-Authorization` comes first. */
  tunnelAs: string | null;
}

/** One measurement, asked of the load generator. */
export interface LoadOrder {
  target: LoadTarget;
  /** The whole request as it is sent. */
  request: string;
  /** A response with another status than 200 or another length than this fails the run. */
  bodyBytes: number;
  lanes: number;
  newConnections: boolean;
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
  /** CPU time of `pids` for these requests. */
  cpuNanoseconds: number;
  /** From the moment a request was due until its last byte; milliseconds. */
  p50: number;
  p99: number;
  /** TLS version and cipher of the client's side, so that a reader sees that all were measured with the same. */
  cipher: string;
}

/** What the generator sends back. */
export type LoadAnswer = { result: LoadResult } | { failure: string };
