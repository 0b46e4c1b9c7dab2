import { Random } from '../fuzz/random.ts';
import type { Capture } from './capture.ts';
import { standInPatterns, valuePatterns, valuesIn } from './marks.ts';
import { StreamSearch } from './stream-search.ts';
import type { FromUpstreams } from './upstream-messages.ts';

type Seen = Extract<FromUpstreams, { type: 'seen' }>;

const reportEveryMs = 100;

/** Looks at all that upstreams receive and tells what it saw. */
export class Watch {
  readonly #report: (seen: Seen) => void;
  readonly #capture: Capture;
  readonly random: Random;
  #seen: Seen = emptySeen();
  #connections = 0;
  #timer: NodeJS.Timeout | null = null;
  /** Bytes. */
  received = 0;
  resets = 0;

  constructor(report: (seen: Seen) => void, { capture, seed }: { capture: Capture; seed: number }) {
    this.#report = report;
    this.#capture = capture;
    this.random = new Random(seed, 1);
  }

  /** For each new connection: its bytes, decrypted, and its heads. */
  connection(host: string) {
    this.#connections += 1;
    const connection = this.#connections;
    const search = new StreamSearch(standInPatterns);
    return {
      received: (bytes: Buffer): void => {
        this.received += bytes.length;
        this.#capture.add({ connection, host }, bytes);
        for (const hit of search.push(bytes)) this.#tell(({ standIns }) => standIns.push({ host, hit }));
      },
      /** `credential`: the one that was read out of the head, decoded. */
      request: ({ number, head, credential }: { number: number | null; head: string; credential: string }): void => {
        const raw = valuesIn(head);
        const values = raw.length > 0 ? raw : valuesIn(credential);
        const hits = new StreamSearch(valuePatterns).push(Buffer.from(head, 'latin1'));
        this.#tell(({ sightings, inBodies }) => {
          sightings.push({ number, host, values });
          // The one that was read is in its place; any further is not.
          for (const hit of hits.slice(values.length)) inBodies.push({ host, hit });
        });
      },
    };
  }

  /** What a request's content held, whole: no value has any business there. */
  content(host: string, content: Buffer): void {
    for (const hit of new StreamSearch(valuePatterns).push(content)) {
      this.#tell(({ inBodies }) => inBodies.push({ host, hit }));
    }
  }

  /** Tells what has not been told. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const seen = this.#seen;
    this.#seen = emptySeen();
    if (seen.sightings.length + seen.standIns.length + seen.inBodies.length > 0) this.#report(seen);
  }

  #tell(add: (seen: Seen) => void): void {
    add(this.#seen);
    this.#timer ??= setTimeout(() => this.flush(), reportEveryMs);
  }
}

function emptySeen(): Seen {
  return { type: 'seen', sightings: [], standIns: [], inBodies: [] };
}
