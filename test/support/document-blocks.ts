import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A fenced block of a document: ```` ```sh needs=docker ````. */
export interface DocumentBlock {
  /** Relative to the repository. */
  path: string;
  /** The line of its fence, from 1. */
  line: number;
  language: string;
  /** What its commands need that a test does not have, or null where they are run. */
  needs: string | null;
  content: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The documents whose commands are tested. */
export const documentPaths: readonly string[] = globSync(['*.md', 'docs/**/*.md'], { cwd: root }).toSorted();

/** Every fenced block of the document, in order. Throws where a fence has a word that nobody knows. */
export function blocksOf(path: string, text = readFileSync(join(root, path), 'utf8')): DocumentBlock[] {
  const blocks: DocumentBlock[] = [];
  const fences = /^( *)```(\S*)([^\n]*)\n([^]*?)^\1```$/gm;
  for (const [whole, , language = '', words = '', content = ''] of text.matchAll(fences)) {
    const line = text.slice(0, text.indexOf(whole)).split('\n').length;
    const [, needs = null] = /^ needs=([\w-]+)$/.exec(words) ?? [];
    if (words !== '' && needs === null) throw new Error(`${path}:${line}: a fence has needs=WORD or nothing`);
    blocks.push({ path, line, language, needs, content });
  }
  return blocks;
}

/** The commands of a block: all of it, or what stands at a session's prompts with the output that it shows for each. */
export function commandsOf(block: DocumentBlock): { command: string; shown: string[] }[] {
  if (block.language === 'sh') return [{ command: block.content, shown: [] }];
  const commands: { command: string; shown: string[] }[] = [];
  for (const line of block.content.trimEnd().split('\n')) {
    if (line.startsWith('$ ')) commands.push({ command: `${line.slice(2)}\n`, shown: [] });
    else commands.at(-1)?.shown.push(line);
  }
  return commands;
}
