import { catalogue } from '../../src/vault/providers/catalogue.ts';
import type { Probe } from '../../src/vault/providers/probe.ts';
import type { AcceptedForm, Provider } from '../../src/vault/providers/provider.ts';
import { describeShape } from '../../src/vault/providers/token-shape.ts';
import { describeForm } from '../doc-tables.ts';

/** One document for each provider of the catalogue, under its name. */
export function providerDocuments(): Map<string, string> {
  return new Map([...catalogue.values()].map((provider) => [provider.name, providerDocument(provider)]));
}

/** The variable that its programs read, where it is not the provider's own name. */
const variables: Partial<Record<string, string>> = {
  github: 'GITHUB_TOKEN', ghcr: 'GITHUB_TOKEN', 'github-npm': 'NODE_AUTH_TOKEN', npm: 'NPM_TOKEN', gitlab: 'GITLAB_TOKEN',
  huggingface: 'HF_TOKEN', replicate: 'REPLICATE_API_TOKEN', vercel: 'VERCEL_TOKEN', cloudflare: 'CLOUDFLARE_API_TOKEN',
  digitalocean: 'DIGITALOCEAN_ACCESS_TOKEN', netlify: 'NETLIFY_AUTH_TOKEN', fly: 'FLY_API_TOKEN', supabase: 'SUPABASE_ACCESS_TOKEN',
  snyk: 'SNYK_TOKEN', terraform: 'TF_TOKEN_app_terraform_io', pulumi: 'PULUMI_ACCESS_TOKEN', doppler: 'DOPPLER_TOKEN',
  sentry: 'SENTRY_AUTH_TOKEN', slack: 'SLACK_BOT_TOKEN', notion: 'NOTION_TOKEN', asana: 'ASANA_ACCESS_TOKEN', datadog: 'DD_API_KEY',
  pypi: 'TWINE_PASSWORD', rubygems: 'GEM_HOST_API_KEY', twilio: 'TWILIO_AUTH_TOKEN', discord: 'DISCORD_TOKEN',
  langfuse: 'LANGFUSE_SECRET_KEY', stripe: 'STRIPE_API_KEY', circleci: 'CIRCLECI_TOKEN', buildkite: 'BUILDKITE_API_TOKEN',
  postmark: 'POSTMARK_SERVER_TOKEN', square: 'SQUARE_ACCESS_TOKEN', dropbox: 'DROPBOX_ACCESS_TOKEN', intercom: 'INTERCOM_ACCESS_TOKEN',
  hubspot: 'HUBSPOT_ACCESS_TOKEN', bitbucket: 'BITBUCKET_TOKEN', figma: 'FIGMA_TOKEN',
}; // prettier-ignore

/** The environment variable that an example gives its key to. */
export function variableOf(name: string): string {
  return variables[name] ?? `${name.toUpperCase().replaceAll('-', '_')}_API_KEY`;
}

function providerDocument(provider: Provider): string {
  const { name, display, rules, tokens, unsettled, probe } = provider;
  const forms = rules.flatMap(({ hosts, auth, also = [] }) =>
    hosts.map((host) => `| \`${host}\` | ${[auth, ...also].map(form).join('<br>')} |`),
  );
  const variable = variableOf(name);
  return [
    `# ${display}`,
    `Stored with \`--provider ${name}\`, a key goes to these hosts and no others:`,
    `| host | sent as |\n| --- | --- |\n${forms.join('\n')}`,
    `Its keys look like ${tokens.map((shape) => `\`${describeShape(shape)}\``).join(', or ')}. Stand-ins do too.`,
    unsettled === null ? '' : `What no page of the vendor says: ${unsettled}.`,
    `## Example`,
    '```sh',
    `standin secret create ${name}-key --provider ${name} --from-env ${variable}`,
    `standin run -s ${variable}=${name}-key -- sh -c '${exampleCall(provider, variable)}'`,
    '```',
    `## Whether a key works`,
    'none' in probe
      ? `There is no harmless call: ${probe.none}.`
      : `\`${probe.method} https://${probe.hosts[0] ?? ''}${probe.path}\`${more(probe)}`,
    `## Source`,
    sourceOf(provider),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .replaceAll('```sh\n\n', '```sh\n')
    .replaceAll('\n\nstandin run', '\nstandin run')
    .replaceAll("'\n\n```", "'\n```");
}

function sourceOf({ source, sourceRead, code }: Provider): string {
  const page = `[${new URL(source).host}](${source})`;
  const read = [...(sourceRead ? [page] : []), ...(code === null ? [] : [`the vendor's own package \`${code}\``])];
  if (read.length > 0)
    return `${read.join(', and ')}, read in December 2026.${sourceRead ? '' : ` The page: ${page}.`}`;
  return `${page}. It was not read: this page comes from public rules that find leaked keys and from the code of clients.`;
}

function form(accepted: AcceptedForm): string {
  return `\`${describeForm(accepted)}\``;
}

/** The provider's harmless call as a line of curl, with the variable where the key goes; else one to its first host. */
function exampleCall({ rules, probe }: Provider, variable: string): string {
  const auth = rules[0]?.auth;
  const host = rules[0]?.hosts[0] ?? '';
  const call = 'none' in probe ? { headers: {}, body: null, url: `https://${host}/` } : asUrl(probe);
  const headers = Object.entries(call.headers).map(([header, value]) => ` -H "${header}: ${value}"`);
  const content = call.body === null ? '' : ` -H "Content-Type: application/json" -d ${JSON.stringify(call.body)}`;
  return `curl -sS "${call.url}"${credential(auth, variable, probe)}${headers.join('')}${content}`;
}

function asUrl(probe: Probe): { headers: Readonly<Record<string, string>>; body: string | null; url: string } {
  return { headers: probe.headers, body: probe.body, url: `https://${probe.hosts[0] ?? ''}${probe.path}` };
}

function credential(auth: AcceptedForm | undefined, variable: string, probe: Provider['probe']): string {
  if (auth?.type === 'basic') {
    const user = 'none' in probe ? null : probe.user;
    const name = auth.username ?? (user !== null && 'any' in user ? user.any : 'USER');
    return ` -u "${name}:$${variable}"`;
  }
  if (auth?.type === 'api-key') return ` -H "${auth.header}: ${auth.prefix ?? ''}$${variable}"`;
  return ` -H "Authorization: Bearer $${variable}"`;
}

function more({ works, limited, refused, answerHas, user, notFor }: Probe): string {
  const parts = [
    `${works.join(', ')} says that it does${answerHas === null ? '' : `, with \`${answerHas}\` in the answer`}`,
    ...(limited.length === 0 ? [] : [`${limited.join(', ')} that it is known, and may not make this call`]),
    `${refused.join(', ')} that it is not taken`,
  ];
  const asked = user !== null && 'ask' in user ? ` The user name is ${user.ask}.` : '';
  const not = notFor.length === 0 ? '' : ` It says nothing of keys with ${notFor.map((p) => `\`${p}\``).join(', ')}.`;
  return `: ${parts.join('; ')}.${asked}${not}`;
}
