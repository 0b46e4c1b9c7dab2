import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory of one's own, 0700; `remove` may be called twice. */
export interface TemporaryDirectory {
  path: string;
  remove(): void;
}

/** Makes one, named `standin-<purpose>-…`. */
export function temporaryDirectory(purpose: string): TemporaryDirectory {
  const path = mkdtempSync(join(tmpdir(), `standin-${purpose}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
