import { readFileSync } from 'node:fs';
import { callServer } from './call.ts';
import { serveAgent } from './serve.ts';

// Run inside the sandbox by its first process: the number of the listening descriptor, or `address:port` of a server that
// is to be called, with what proves who calls on standard input; then the words that run Perl.
if (import.meta.main) {
  const [where = '', program, ...words] = process.argv.slice(2);
  const perl = program === undefined ? undefined : ([program, ...words] as const);
  const [, host, port] = /^(.*):(\d+)$/.exec(where) ?? [];
  if (host === undefined) serveAgent(Number(where), perl);
  else callServer({ host, port: Number(port), token: readFileSync(0, 'latin1').trim() }, perl);
}
