import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';

const directories = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/bin'];

/** All that the host's tools get to see of the server's environment. */
export const toolEnvironment = { PATH: directories.join(':'), LC_ALL: 'C' };

/** The path of a tool of the host, or null. */
export function findTool(name: string): string | null {
  return directories.map((directory) => `${directory}/${name}`).find((path) => existsSync(path)) ?? null;
}

/** Reads a stream to its end, keeping the first 2,000 characters: a function that gives what came so far. */
export function collectText(stream: Readable | null): () => string {
  let text = '';
  stream?.on('data', (chunk: Buffer) => {
    if (text.length < 2000) text = (text + chunk.toString()).slice(0, 2000);
  });
  return () => text.trim();
}
