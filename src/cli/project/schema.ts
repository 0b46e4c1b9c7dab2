import { LineCounter, isMap, isNode, isScalar, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import { z } from 'zod';
import { secretName } from '../../contract/schemas/fields.ts';
import { CliFailure } from '../failure.ts';
import { recognise } from '../credentials/recognise.ts';
import type { Shape } from '../credentials/shapes.ts';

const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/);
const text = z.string({ error: 'must be text' });
const texts = z.array(text, { error: 'must be a list' });

/** As many as a person can look through before agreeing. */
const mostVariables = 64;
const mostMounts = 32;
const atMost = (most: number) => (list: object) => Object.keys(list).length <= most;
const tooMany = (most: number) => ({ error: `has more than it may: ${most} at most` });

/** What `.standin.yaml` may say. Rules of the network are those of the API. */
const projectFile = z.strictObject({
  secrets: z.record(variable, text).refine(atMost(mostVariables), tooMany(mostVariables)).optional(),
  env: z
    .record(
      variable,
      z.union([z.string(), z.number(), z.boolean()], { error: 'must be text, a number or true or false' }),
    )
    .refine(atMost(mostVariables), tooMany(mostVariables))
    .optional(),
  network: z
    .strictObject({
      allow_out: texts.optional(),
      deny_out: texts.optional(),
      intercept: z.enum(['all', 'bound'], { error: 'must be all or bound' }).optional(),
      tunnel_out: texts.optional(),
    })
    .optional(),
  driver: z
    .enum(['bubblewrap', 'gvisor'], {
      error: 'must be bubblewrap or gvisor; `external` isolates nothing, so it is given as --driver external',
    })
    .optional(),
  template: text.optional(),
  mounts: texts.refine(atMost(mostMounts), tooMany(mostMounts)).optional(),
  timeout: z.int({ error: 'must be seconds, from 1 to 86400' }).min(1).max(86_400).optional(),
});

export type ProjectFile = Omit<z.infer<typeof projectFile>, 'env'> & { env?: Record<string, string> | undefined };

/** No project needs more. */
export const mostBytes = 65_536;

/**
 * Reads the text of a project file. Throws with path, line and field where it is not YAML, has something else in it
 * than the schema, or a value in it looks like a credential.
 */
export function parseProjectFile(path: string, source: string, shapes: readonly Shape[]): ProjectFile {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    const what = /call stack/.test(problem.message) ? 'is nested too deeply' : problem.message;
    throw refusal(path, lines.linePos(problem.pos[0]).line, what);
  }
  if (document.contents === null) return {};
  const parsed = projectFile.safeParse(valueOf(document, path));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const keys = issue?.code === 'unrecognized_keys' ? issue.keys : [];
    const place = [...(issue?.path ?? []), ...keys.slice(0, 1)];
    const fields = Object.keys(projectFile.shape).join(', ');
    const said = issue?.code === 'invalid_key' ? 'is not the name of a variable' : issue?.message;
    const what = keys.length > 0 ? `is not known${place.length === 1 ? `; there are ${fields}` : ''}` : said;
    throw refusal(path, lineOf(document, lines, place), `${place.join('.')} ${what ?? ''}`);
  }
  const env = parsed.data.env && mapValues(parsed.data.env, String);
  // The name of a secret may be any word; by the name of its variable it would be taken for a value.
  const judged = [
    ...Object.entries(env ?? {}).map(([name, value]) => ({ field: 'env', name, value, known: name })),
    ...Object.entries(parsed.data.secrets ?? {}).map(([name, value]) => ({ field: 'secrets', name, value, known: '' })),
  ];
  for (const { field, name, value, known } of judged) {
    if (recognise(known, value, shapes) === null) continue;
    const line = lineOf(document, lines, [field, name]);
    throw new CliFailure(`${path}:${line}: ${field}.${name} looks like a credential, which no project file may hold`, {
      fix: 'store it with `standin secret create`, write its name under secrets, and replace it where it came from',
    });
  }
  for (const [name, value] of Object.entries(parsed.data.secrets ?? {})) {
    const named = secretName.safeParse(value);
    if (named.success) continue;
    const line = lineOf(document, lines, ['secrets', name]);
    throw refusal(path, line, `secrets.${name} is no name of a secret: it ${named.error.issues[0]?.message ?? ''}`);
  }
  return { ...parsed.data, env };
}

/** Anchors are expanded, a few of them: a file that unfolds without end is refused. */
function valueOf(document: Document, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 20 });
  } catch {
    throw refusal(path, 1, 'has too many aliases');
  }
}

function lineOf(document: Document, lines: LineCounter, place: readonly PropertyKey[]): number {
  const words = place.map((part) => (typeof part === 'symbol' ? '' : part));
  const [last, ...rest] = words.toReversed();
  const parent = document.getIn(rest.toReversed(), true);
  const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && key.value === last) : undefined;
  const node = pair?.key ?? document.getIn(words, true);
  const offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  return lines.linePos(offset).line;
}

function refusal(path: string, line: number, what: string): CliFailure {
  return new CliFailure(`${path}:${line}: ${what}`);
}

function mapValues<From, To>(record: Record<string, From>, change: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
