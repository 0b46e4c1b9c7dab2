import { settings } from '../src/config-settings.ts';
import { catalogue } from '../src/vault/providers/catalogue.ts';
import type { AcceptedForm, Provider } from '../src/vault/providers/provider.ts';
import { tenantServices } from '../src/vault/providers/tenants.ts';
import { describeShape } from '../src/vault/providers/token-shape.ts';

/** The document with its `<!-- generated: name -->` section filled. Throws where it has none. */
export function withSection(document: string, name: string, content: string): string {
  const section = new RegExp(`(<!-- generated: ${name} -->\\n)[^]*?(<!-- /generated -->)`);
  if (!section.test(document)) throw new Error(`there is no section for ${name}`);
  return document.replace(section, (_, start: string, end: string) => `${start}\n${content}\n\n${end}`);
}

/** Every setting of `config.ts`. */
export function settingsTable(): string {
  const rows = settings.map(({ env, flag, fallback, fallbackHelp, help }) => [
    `\`${env}\``,
    `\`${flag}\``,
    fallbackHelp ?? fallback() ?? 'none',
    help,
  ]);
  return table(['variable', 'flag', 'default', 'meaning'], rows);
}

/** Every provider of the catalogue, with each host's forms. */
export function providersTable(): string {
  const rows = [...catalogue.values()].map((provider) => [
    `\`${provider.name}\``,
    provider.display,
    formsOf(provider),
    `${provider.tokens.map((shape) => `\`${describeShape(shape)}\``).join('<br>')}${provider.unsettled === null ? '' : ' ‡'}`,
    testCall(provider),
    sourceOf(provider),
  ]);
  return table(['name', 'provider', 'sent to, as', 'its keys look like', 'test call', 'source'], rows);
}

/** Services that have a host for each customer, and what to give for them. */
export function tenantsTable(): string {
  const rows = tenantServices.map(({ display, suffix, instead }) => [display, `\`*.${suffix}\``, `\`${instead}\``]);
  return table(['service', 'hosts', 'give'], rows);
}

function sourceOf({ source, sourceRead, code }: Provider): string {
  const page = sourceRead || code === null ? [`[page](${source})${sourceRead ? '' : ' †'}`] : [];
  return [...page, ...(code === null ? [] : [`\`${code}\``])].join('<br>');
}

function testCall({ probe }: Provider): string {
  return 'none' in probe ? `none: ${probe.none}` : `\`${probe.method} ${probe.path}\``;
}

function formsOf({ rules }: Provider): string {
  return rules
    .map(({ hosts, auth, also = [] }) => {
      const forms = [auth, ...also].map((form) => `\`${describeForm(form)}\``);
      return `${hosts.join(', ')}: ${forms.join(' or ')}`;
    })
    .join('<br>');
}

export function describeForm(form: AcceptedForm): string {
  switch (form.type) {
    case 'bearer':
      return 'Authorization: Bearer …';
    case 'basic':
      return `Authorization: Basic ${form.username ?? '(its own user)'}:…`;
    case 'basic-username':
      return 'Authorization: Basic …:';
    case 'api-key':
      return `${form.header}: ${form.prefix ?? ''}…`;
    case 'custom':
      return Object.entries(form.headers)
        .map(([name, template]) => `${name}: ${template}`)
        .join(', ');
    case 'query':
      return `?${form.parameter}=…`;
    default:
      return form satisfies never;
  }
}

/** In columns, as the formatter has them. */
export function table(titles: string[], rows: string[][]): string {
  const lines = [titles, ...rows.map((row) => row.map(cell))];
  const widths = titles.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const pad = (line: string[]) => `| ${line.map((text, column) => text.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = widths.map((width) => '-'.repeat(width));
  return [titles, rule, ...lines.slice(1)].map(pad).join('\n');
}

/** `<host>` outside of code would be taken for HTML. */
function cell(text: string): string {
  return text
    .split('`')
    .map((part, index) => (index % 2 === 1 ? part : part.replaceAll(/<(?!br>)/g, '\\<')))
    .join('`')
    .replaceAll('|', '\\|');
}
