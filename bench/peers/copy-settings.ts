import { readFileSync } from 'node:fs';
import { z } from 'zod';

const schema = z.object({
  port: z.number(),
  upstreamPort: z.number(),
  upstreamHost: z.string(),
  /** PEM. */
  upstreamCa: z.string(),
  cert: z.string(),
  key: z.string(),
});

/** What the program of the copying peer is told. */
export type CopySettings = z.infer<typeof schema>;

/** Reads the file that the peer wrote. */
export function readCopySettings(file: string): CopySettings {
  return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
}
