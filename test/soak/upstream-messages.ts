import type { Sighting } from './ledger.ts';
import type { Hit } from './stream-search.ts';

/** What the process of the upstreams and the run say to each other. */
export type ToUpstreams =
  | { type: 'start'; certPem: string; keyPem: string; seed: number; captureDirectory: string; chaos: boolean }
  | { type: 'stop' };

export type FromUpstreams =
  | { type: 'listening'; http1: number; http2: number; steady: number }
  /** What came since the last. */
  | {
      type: 'seen';
      sightings: Sighting[];
      standIns: { host: string; hit: Hit }[];
      inBodies: { host: string; hit: Hit }[];
    }
  /** All that was received was reported. */
  | { type: 'stopped'; received: number; resets: number };
