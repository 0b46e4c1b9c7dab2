import { appendFileSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FreshNames, GivenNames } from './given-names.ts';

/**
 * A folder with a file for each sandbox: the names that its resolver gave addresses to, a line for each with its number, so
 * that another server goes on where one was killed. A file that cannot be written is no reason to refuse anything: what is
 * forgotten then is the address of a name, and whoever dials it is refused.
 */
export class NameFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.#attempt(() => mkdirSync(directory, { recursive: true, mode: 0o700 }));
  }

  /** What was given, as far as it is there in one piece; null: nothing. */
  read(sandboxId: string): GivenNames | null {
    let text = '';
    this.#attempt(() => {
      text = readFileSync(this.#path(sandboxId), 'utf8');
    });
    let count = 0;
    const newest: string[] = [];
    // A last line without an end was being written when the server was killed.
    for (const line of text.split('\n').slice(0, -1)) {
      const [, number, name] = /^(\d+) (\S+)$/.exec(line) ?? [];
      if (number === undefined || name === undefined) continue;
      goOn(newest, { count: newest.length === 0 ? Number(number) : count, first: Number(number) });
      newest.push(name);
      count = Number(number) + 1;
    }
    return newest.length === 0 ? null : { count, newest };
  }

  /** Adds to what is there, which must be whole. */
  add({ sandboxId, first, names }: FreshNames): void {
    const lines = linesOf(first, names);
    this.#attempt(() => appendFileSync(this.#path(sandboxId), lines, { mode: 0o600 }));
  }

  /** In place of what is there: whole or not at all. */
  replace(sandboxId: string, { count, newest }: GivenNames): void {
    const path = this.#path(sandboxId);
    this.#attempt(() => {
      writeFileSync(`${path}.new`, linesOf(count - newest.length, newest), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    });
  }

  remove(sandboxId: string): void {
    this.#attempt(() => rmSync(this.#path(sandboxId), { force: true }));
  }

  /** Removes those of all other sandboxes. */
  keepOnly(sandboxIds: ReadonlySet<string>): void {
    this.#attempt(() => {
      for (const name of readdirSync(this.#directory)) {
        if (!sandboxIds.has(name)) rmSync(join(this.#directory, name), { force: true });
      }
    });
  }

  #path(sandboxId: string): string {
    return join(this.#directory, encodeURIComponent(sandboxId));
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch {
      // It is not there, or the disk is full.
    }
  }
}

/** More than any program goes back to. */
export const kept = 4096;

/** Fills what was left out, as by a resolver that took over, so that a name's place still says its number. */
export function goOn(newest: string[], { count, first }: { count: number; first: number }): void {
  if (first < count || first - count > kept) newest.length = 0;
  else for (let number = count; number < first; number += 1) newest.push('');
}

function linesOf(first: number, names: readonly string[]): string {
  return names.map((name, index) => (name === '' ? '' : `${first + index} ${name}\n`)).join('');
}
