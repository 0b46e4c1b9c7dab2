import type { RequestBody } from '../../../../src/contract/operations.ts';

type Auth = NonNullable<RequestBody<'createSecret'>['auth']>;
export type RuleType = 'bearer' | 'basic' | 'api-key' | 'custom';

/** A rule as it is being typed. */
export interface RuleDraft {
  type: RuleType;
  username: string;
  header: string;
  prefix: string;
  headers: readonly { name: string; template: string }[];
}

export const emptyRule: RuleDraft = {
  type: 'bearer',
  username: '',
  header: '',
  prefix: '',
  headers: [{ name: '', template: '{{ value }}' }],
};

export const ruleTypes: readonly (readonly [RuleType, string])[] = [
  ['bearer', 'Bearer'],
  ['basic', 'Basic'],
  ['api-key', 'Own header'],
  ['custom', 'Several headers'],
];

export function authOf(draft: RuleDraft): Auth {
  const { type, username, header, prefix } = draft;
  if (type === 'basic') return { type, ...(username === '' ? {} : { username }) };
  if (type === 'api-key') return { type, header, ...(prefix === '' ? {} : { prefix }) };
  if (type === 'custom') {
    return { type, headers: Object.fromEntries(draft.headers.map(({ name, template }) => [name, template])) };
  }
  return { type };
}

/** Stands for the value wherever a rule is shown; its length says nothing. */
export const dots = '••••••••••••';

export interface HeaderLine {
  name: string;
  value: string;
}

/** The headers that a rule writes, the value as dots. `rule` is one without `per_host`. */
export function headersOf(rule: Record<string, unknown>): HeaderLine[] {
  const authorization = (value: string) => [{ name: 'Authorization', value }];
  switch (rule['type']) {
    case 'bearer':
      return authorization(`Bearer ${dots}`);
    case 'basic':
      return authorization(`Basic base64(${text(rule['username']) || 'the client’s own user name'}:${dots})`);
    case 'api-key':
      return [{ name: text(rule['header']) || 'X-…', value: `${text(rule['prefix'])}${dots}` }];
    case 'custom':
      return Object.entries(record(rule['headers'])).map(([name, template]) => ({
        name: name || 'X-…',
        value: text(template).replaceAll(/\{\{\s*value\s*\}\}/g, dots),
      }));
    default:
      return [];
  }
}

export interface HostRule {
  hosts: readonly string[];
  headers: HeaderLine[];
}

/** What goes to which hosts, of a resolved rule as the API answers it. */
export function hostRulesOf(auth: Record<string, unknown>, hosts: readonly string[]): HostRule[] {
  const several = auth['per_host'];
  if (!Array.isArray(several)) return [{ hosts, headers: headersOf(auth) }];
  return several.map(record).map((rule) => {
    const own = rule['hosts'];
    return { hosts: Array.isArray(own) ? own.map(String) : hosts, headers: headersOf(rule) };
  });
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
