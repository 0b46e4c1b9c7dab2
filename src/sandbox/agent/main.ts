import { serveAgent } from './serve.ts';

// Run inside the sandbox by its first process, with the number of the listening descriptor as its argument.
if (import.meta.main) serveAgent(Number(process.argv[2]));
