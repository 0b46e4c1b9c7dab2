import type { LoadRequest, LoadShape } from './load/protocol.ts';
import type { HostKind } from './upstream.ts';

/** What is measured on Standin and its peers. All legs are TLS; the credential in `Authorization` is swapped in each request. */
export interface Comparison extends LoadShape {
  kind: 'comparison';
  name: string;
  summary: string;
  request: LoadRequest;
  /** At Standin: a host that a bound secret names, or one that none does, where nothing is swapped or searched. */
  host: HostKind;
  /** Each lane asks again as soon as it was answered: CPU a request, requests a second. */
  closed: boolean;
  /**
   * Requests a second of the open loop, from which the latencies come: below what any peer can do on a core. Null: none.
   * Without a closed loop CPU comes from it too.
   */
  rate: number | null;
}

/** What is measured on Standin alone: against itself, or in its own unit. */
export interface OwnScenario {
  kind: 'own';
  name: 'two-workers' | 'sandboxes-1000' | 'flood' | 'idle-tunnels' | 'memory' | 'sandbox-life' | 'lists';
  summary: string;
}

export type Scenario = Comparison | OwnScenario;
/** What can be profiled; of `flood` the flood of new connections. */
export type Profiled = Comparison | (OwnScenario & { name: 'flood' });

/** Whether it can. */
export function isProfiled(scenario: Scenario): scenario is Profiled {
  return scenario.kind === 'comparison' || scenario.name === 'flood';
}

const small: LoadRequest = { path: '/1kb', bodyBytes: 1024 };
const large: LoadRequest = { path: '/1mb', bodyBytes: 1024 * 1024 };
const keptAlive = {
  kind: 'comparison',
  protocol: 'http/1.1',
  newConnections: false,
  host: 'bound',
  closed: true,
} as const;

/** As they run, in this order. */
export const scenarios: readonly Scenario[] = [
  {
    ...keptAlive,
    name: 'http1-1kb',
    summary: '1 KB on keep-alive',
    request: small,
    lanes: 32,
    connections: 32,
    rate: 4000,
  },
  {
    ...keptAlive,
    name: 'http1-1mb',
    summary: '1 MB on keep-alive (Standin: from a host without a bound secret)',
    request: large,
    host: 'free',
    lanes: 8,
    connections: 8,
    rate: 150,
  },
  {
    ...keptAlive,
    name: 'http1-1mb-bound',
    summary: '1 MB on keep-alive, from a host with a bound secret, so that Standin searches the body for it',
    request: large,
    lanes: 8,
    connections: 8,
    rate: 150,
  },
  {
    ...keptAlive,
    name: 'new-connection',
    summary: '1 KB, a new connection for each request (CONNECT included where the proxy takes it)',
    request: small,
    lanes: 8,
    connections: 8,
    newConnections: true,
    rate: 200,
  },
  {
    ...keptAlive,
    name: 'http2-100',
    summary: '1 KB over HTTP/2, 100 streams at once on 4 connections; the upstream speaks HTTP/1.1',
    request: small,
    protocol: 'h2',
    lanes: 100,
    connections: 4,
    rate: null,
  },
  {
    ...keptAlive,
    name: 'p99-5000',
    summary: '1 KB on keep-alive at a fixed 5,000 requests a second',
    request: small,
    lanes: 64,
    connections: 64,
    closed: false,
    rate: 5000,
  },
  { kind: 'own', name: 'two-workers', summary: '1 KB on keep-alive, two workers beside one' },
  { kind: 'own', name: 'sandboxes-1000', summary: '1 KB, 1,000 sandboxes with 16 bindings each beside one with one' },
  { kind: 'own', name: 'flood', summary: 'p99 of one sandbox at 250 requests a second beside another at full blast' },
  { kind: 'own', name: 'idle-tunnels', summary: '10,000 idle tunnels with their TLS ended here' },
  { kind: 'own', name: 'memory', summary: 'resident set under mixed load' },
  {
    kind: 'own',
    name: 'sandbox-life',
    summary: 'sandboxes: create, exec, pause, resume, files, 200 idle; podman, runsc',
  },
  { kind: 'own', name: 'lists', summary: 'lists and figures over 10,000 secrets and 1,000,000 events, on both stores' },
];
