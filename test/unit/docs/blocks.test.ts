import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parseProjectFile } from '../../../src/cli/project/schema.ts';
import {
  checkCompose,
  checkDockerfile,
  checkKubernetes,
  checkPython,
  checkShell,
  checkWorkflow,
  withoutCheckers,
} from '../../support/checkers.ts';
import { blocksOf, commandsOf, documentPaths } from '../../support/document-blocks.ts';
import type { DocumentBlock } from '../../support/document-blocks.ts';

/** Why a block may say that it is not run, and what is judged instead. Every shell block is read by ShellCheck as well. */
const needed: Record<string, string> = {
  checkout: 'it is what a checkout or its CI starts with, or the prompt of a session; its npm scripts are there',
  docker: 'an engine; shell by ShellCheck',
  helm: 'a cluster; the chart has tests of its own',
  hours: 'it runs for hours; its npm scripts are there',
  kubectl: 'a cluster; the objects by their schemas',
  registry: 'a published package; a test installs the packed one',
  root: "changes the machine's own service manager; the unit is judged by systemd-analyze",
  walls: 'a network that has no other way out',
  e2b: 'an account; compiled',
  daytona: 'an account; compiled',
  modal: 'an account; compiled',
};

const manifest: { scripts: Record<string, string> } = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
);
const blocks = documentPaths.flatMap((path) => blocksOf(path));

/** What is wrong with a block that is read and not run, by its language. */
const judges: Record<string, (block: DocumentBlock) => Promise<string>> = {
  // What other blocks set, single quotes that are meant, and words that stand for the reader's own.
  sh: ({ content }) => checkShell(content, ['SC2016', 'SC2154', 'SC1091', 'SC2034', 'SC2148']),
  console: (block) =>
    checkShell(
      commandsOf(block)
        .map(({ command }) => command)
        .join(''),
      ['SC2016', 'SC2148', 'SC1091'],
    ),
  dockerfile: ({ content }) => checkDockerfile(content),
  python: ({ content }) => checkPython(content),
  yaml: ({ content }) => judgeYaml(content),
  json: async ({ content }) => (JSON.parse(content) === undefined ? 'empty' : ''),
  ini: async () => '',
  // The examples of client.md are one program, which a test of its own runs, and that of the README after it.
  ts: ofTheClient,
  html: ofTheClient,
  '': async () => '',
};

async function ofTheClient({ path }: DocumentBlock): Promise<string> {
  return ['docs/client.md', 'README.md'].includes(path) ? '' : 'no test runs it in this document';
}

async function judgeYaml(text: string): Promise<string> {
  if (/^apiVersion:/m.test(text)) return checkKubernetes(text);
  if (/^jobs:/m.test(text)) return checkWorkflow(text);
  if (/^secrets: #/m.test(text))
    return parseProjectFile('.standin.yaml', text, []).secrets === undefined ? 'no secrets' : '';
  if (/^services:/m.test(text)) return checkCompose(text, { 'standin.env': 'A=b\n', 'standin-ca.pem': 'x\n' });
  return 'nobody knows what this YAML is for';
}

describe('fenced blocks of the documents', { skip: withoutCheckers }, () => {
  it('are there', () => {
    assert.ok(blocks.length > 50);
  });

  it('say what they need by a word that has a reason', () => {
    const unknown = blocks.filter(({ needs }) => needs !== null && needed[needs] === undefined);
    assert.deepEqual(
      unknown.map(({ path, line, needs }) => `${path}:${line}: ${needs}`),
      [],
    );
  });

  it('name npm scripts that there are', () => {
    const named = blocks.flatMap(({ path, line, content }) =>
      [...content.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, script = '']) => ({ path, line, script })),
    );
    assert.deepEqual(
      named.filter(({ script }) => manifest.scripts[script] === undefined),
      [],
    );
  });

  for (const block of blocks) {
    it(`${block.path}:${block.line} is ${block.language || 'text'} that its judge takes`, async () => {
      const judge = judges[block.language];
      assert.ok(judge, `no judge for ${block.language}: run it, or add one`);
      assert.equal(await judge(block), '');
    });
  }
});

describe('the judges', { skip: withoutCheckers }, () => {
  const bad: [string, () => Promise<string>, RegExp][] = [
    ['a shell line that does not quote', () => checkShell('rm $HOME/x\n'), /SC2086/],
    ['a Dockerfile without a tag', () => checkDockerfile('FROM debian\n'), /DL3006/],
    ['a Compose file with an unknown field', () => checkCompose('services:\n  a:\n    imagee: b\n'), /imagee/],
    ['an object with an unknown field', () => checkKubernetes('apiVersion: v1\nkind: Pod\nspecs: {}\n'), /specs/],
    ['a program that does not compile', () => checkPython('def f(:\n'), /SyntaxError/],
    ['a workflow without jobs', () => checkWorkflow('on: push\n'), /jobs/],
  ];
  for (const [what, judge, pattern] of bad) {
    it(`find ${what}`, async () => assert.match(await judge(), pattern));
  }
});
