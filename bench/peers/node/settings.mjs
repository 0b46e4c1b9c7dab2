import dns from 'node:dns';
import { readFileSync } from 'node:fs';

/** What the benchmark wants of this proxy. */
export const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));

/** The upstream's name means this machine, as it does for every peer. */
export function resolveUpstreamHere() {
  const lookup = dns.lookup;
  dns.lookup = (name, options, callback) =>
    lookup(name === settings.upstreamHost ? '127.0.0.1' : name, options, callback);
}

/** Says that it listens, and the root that its clients are to trust. */
export function ready(caPem) {
  process.stdout.write(`ready ${Buffer.from(caPem).toString('base64')}\n`);
}
