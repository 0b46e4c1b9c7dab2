import { makeAuthority } from '../test/support/certificates.ts';
import { divideCores } from './cpu.ts';
import { startGenerator } from './load/client.ts';
import type { LoadGenerator } from './load/client.ts';
import type { PeerSetup } from './peers/peer.ts';
import { startUpstream, upstreamHosts } from './upstream.ts';

/** What every measurement stands on: one upstream and one load generator. */
export interface Setting {
  generator: LoadGenerator;
  /** One more, which yields to the other where both want their core. */
  background: LoadGenerator;
  /** One more upstream, which yields likewise; resolves with its port. It ends with everything. */
  startBackgroundUpstream(): Promise<number>;
  /** With the proxy's one core as launcher. */
  setup: PeerSetup;
  /** Takes each core from the proxy that the others can spare: for several workers. */
  wideSetup: PeerSetup;
  /** Whether the wide proxy has its cores for itself. */
  isWideApart: boolean;
  note(line: string): void;
  /** Runs `stop` when everything ends, last first. */
  atEnd(stop: () => unknown): void;
  end(): Promise<void>;
}

/** Starts them. `note` says what a person should know. */
export async function makeSetting(note: (line: string) => void): Promise<Setting> {
  const cores = divideCores();
  if (cores === null)
    note('one core only: proxy, load generator and upstream share it, which makes every figure worse');
  const wide = divideCores(undefined, 2);
  const stops: (() => unknown)[] = [];
  const end = async () => {
    for (const stop of stops.splice(0).toReversed()) await stop();
  };
  try {
    const authority = makeAuthority();
    const certificate = authority.issue(Object.values(upstreamHosts));
    const upstream = await startUpstream(certificate, pin(cores?.others));
    stops.push(() => upstream.stop());
    const generator = startGenerator(pin(cores?.others));
    stops.push(() => generator.stop());
    const yielding = ['chrt', '--idle', '0', ...pin(cores?.others)];
    const background = startGenerator(yielding);
    stops.push(() => background.stop());
    const setup = { authority, upstreamPort: upstream.port, launcher: pin(cores?.proxy) };
    return {
      generator,
      background,
      startBackgroundUpstream: async () => {
        const busy = await startUpstream(certificate, yielding);
        stops.push(() => busy.stop());
        return busy.port;
      },
      setup,
      wideSetup: { ...setup, launcher: pin(wide?.proxy) },
      isWideApart: wide !== null,
      note,
      atEnd: (stop) => void stops.push(stop),
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

function pin(cores: string | undefined): string[] {
  return cores === undefined ? [] : ['taskset', '-c', cores];
}
