import type { z } from 'zod';
import { StandinError } from '../errors.ts';

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

const fitsNone = 'fits none of the forms it may take';

/**
 * What `schema` makes of `input`, or `bad_request` with one sentence: the field, the rule, what would be right. What was
 * sent is never repeated, but for the names of fields.
 */
export function checked<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input, { error: ruleOf });
  if (result.success) return result.data;
  const [first] = result.error.issues;
  if (first === undefined) throw new StandinError('bad_request', 'the request is not of the form it must have');
  const { path, message } = describe(first);
  const field = path.map(String).join('.').slice(0, 256);
  throw new StandinError('bad_request', field === '' ? message : `${field}: ${message}`, { field });
}

/** The issue that says most: inside a union, that of the form which was probably meant. */
function describe(issue: Issue): { path: PropertyKey[]; message: string } {
  if (issue.code === 'invalid_key') {
    return { path: issue.path, message: `the name ${issue.issues[0]?.message ?? issue.message}` };
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0 && issue.message === fitsNone) {
    const [likeliest] = issue.errors.toSorted((a, b) => depth(b) - depth(a) || a.length - b.length);
    const inner = likeliest?.[0];
    if (inner !== undefined) {
      const { path, message } = describe(inner);
      return { path: [...issue.path, ...path], message };
    }
  }
  return { path: issue.path, message: issue.message };
}

function depth(issues: Issue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length));
}

/** The rule in words, where the contract gives none of its own. */
function ruleOf(issue: RawIssue): string | undefined {
  if (issue.code !== 'invalid_union' && issue.input === undefined) return 'is required';
  if (issue.code === 'invalid_type') return `must be ${article(issue.expected)}, not ${kindOf(issue.input)}`;
  if (issue.code === 'invalid_value') return `must be ${oneOf(issue.values)}`;
  if (issue.code === 'too_small') return `must have ${String(issue.minimum)} or more ${unitOf(issue.origin)}`;
  if (issue.code === 'too_big') return `must have ${String(issue.maximum)} or fewer ${unitOf(issue.origin)}`;
  if (issue.code !== 'invalid_union') return undefined;
  return 'options' in issue && Array.isArray(issue['options']) ? `must be ${oneOf(issue['options'])}` : fitsNone;
}

function oneOf(values: readonly unknown[]): string {
  return `${values.length === 1 ? '' : 'one of '}${values.map(String).join(', ')}`;
}

function unitOf(origin: string): string {
  return origin === 'string' ? 'characters' : 'entries';
}

function article(kind: string): string {
  const name = kind === 'record' ? 'object' : kind;
  return /^[aeiou]/.test(name) ? `an ${name}` : `a ${name}`;
}

function kindOf(input: unknown): string {
  if (input === null) return 'null';
  return article(Array.isArray(input) ? 'array' : typeof input);
}
