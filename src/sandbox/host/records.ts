import {
  chmodSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { isRecord } from '../agent/protocol.ts';
import type { GroupPlace } from './cgroups.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** What a server leaves on disk of each sandbox, so that the next one finds it. */
export interface SandboxRecord {
  id: string;
  /** Its network namespace is where the sandbox's network is reached. */
  launcher: ProcessIdentity;
  /** Process 1 of its process namespace, with which everything in it ends; null until it is known. */
  first: ProcessIdentity | null;
  groups: GroupPlace[];
  /** Names in the directory of parts, which it has mounted. */
  parts: string[];
  ipv6: boolean;
  baseEnv: Record<string, string>;
  paused: boolean;
}

/** open(2): a descriptor of the place alone. */
const O_PATH = 0o10_000_000;

const version = 1;
const file = 'sandbox.json';

/** The directory of one sandbox: its record, and the socket that it is reached through. Nobody but the server may enter it. */
export class SandboxFolder<Kept extends SandboxRecord> {
  readonly path: string;

  constructor(parent: string, id: string) {
    this.path = join(parent, id);
  }

  make(): void {
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    chmodSync(this.path, 0o700);
  }

  /** Whole or not at all, whenever the server is killed. */
  save(record: Kept): void {
    const path = join(this.path, file);
    writeFileSync(`${path}.new`, JSON.stringify({ version, ...record }), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  /** Null where there is none that this version can read. */
  load(): Kept | null {
    try {
      const value: unknown = JSON.parse(readFileSync(join(this.path, file), 'utf8'));
      return this.#isRecord(value) ? value : null;
    } catch {
      return null;
    }
  }

  /** It was written by this program into a directory of its own: what is looked at is the version, and what must be there. */
  #isRecord(value: unknown): value is Kept {
    return (
      isRecord(value) &&
      value['version'] === version &&
      typeof value['id'] === 'string' &&
      isRecord(value['launcher']) &&
      isRecord(value['baseEnv']) &&
      Array.isArray(value['groups']) &&
      Array.isArray(value['parts'])
    );
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A descriptor of a socket in a folder. */
export function openSocket({ path }: { path: string }, name: string): number {
  return openSync(join(path, name), O_PATH);
}

/** The path of a socket by its descriptor: its own may be too long for an address, and this one never is. */
export function socketPath(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}

/** Every folder below `parent`. */
export function sandboxFolders<Kept extends SandboxRecord>(parent: string): SandboxFolder<Kept>[] {
  if (!existsSync(parent)) return [];
  return readdirSync(parent).map((id) => new SandboxFolder<Kept>(parent, id));
}
