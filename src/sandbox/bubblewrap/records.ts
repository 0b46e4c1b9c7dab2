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
  /** The launcher, which becomes bwrap: its namespaces are where the sandbox's network is reached. */
  launcher: ProcessIdentity;
  /** Process 1 of the sandbox; null until it is known. */
  first: ProcessIdentity | null;
  /** The host's uid that it runs as; null: the server's own. */
  uid: number | null;
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
const socket = 'agent.sock';

/** The directory of one sandbox: its record, and the socket of its agent. Nobody but the server may enter it. */
export class SandboxFolder {
  readonly path: string;

  constructor(parent: string, id: string) {
    this.path = join(parent, id);
  }

  make(): void {
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    chmodSync(this.path, 0o700);
  }

  get socketName(): string {
    return socket;
  }

  /** Whole or not at all, whenever the server is killed. */
  save(record: SandboxRecord): void {
    const path = join(this.path, file);
    writeFileSync(`${path}.new`, JSON.stringify({ version, ...record }), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  /** Null where there is none that this version can read. */
  load(): SandboxRecord | null {
    try {
      const value: unknown = JSON.parse(readFileSync(join(this.path, file), 'utf8'));
      return isSandboxRecord(value) ? value : null;
    } catch {
      return null;
    }
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A descriptor of the agent's socket, through which it is reached. */
export function openSocket(folder: SandboxFolder): number {
  return openSync(join(folder.path, folder.socketName), O_PATH);
}

/** Every folder below `parent`. */
export function sandboxFolders(parent: string): SandboxFolder[] {
  if (!existsSync(parent)) return [];
  return readdirSync(parent).map((id) => new SandboxFolder(parent, id));
}

/** It was written by this program into a directory of its own: what is looked at is the version, and what must be there. */
function isSandboxRecord(value: unknown): value is SandboxRecord {
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
