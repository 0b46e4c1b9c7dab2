import { serveAgent } from './serve.ts';

// Run inside the sandbox by its first process: the number of the listening descriptor, then the words that run Perl.
if (import.meta.main) {
  const [fd, perl, ...words] = process.argv.slice(2);
  serveAgent(Number(fd), perl === undefined ? undefined : [perl, ...words]);
}
