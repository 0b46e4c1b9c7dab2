import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findCores, hexCoreLength, hexMarker, textCoreLength, textMarker } from '../../../src/stand-in.ts';
import { compileRules } from '../../../src/vault/compile.ts';
import { parseHosts } from '../../../src/vault/hosts.ts';
import { catalogue, providerViews, resolveProvider } from '../../../src/vault/providers/catalogue.ts';
import { tenantServices } from '../../../src/vault/providers/tenants.ts';
import { alphabets, describeShape, lengthOf, prefixOf } from '../../../src/vault/providers/token-shape.ts';
import type { TokenShape } from '../../../src/vault/providers/token-shape.ts';
import { resolveAuth } from '../../../src/vault/rules.ts';
import { makeStandIn } from '../../../src/vault/stand-ins.ts';
import type { AuthInput } from '../../../src/vault/types.ts';
import { refusal } from './harness.ts';

/** Wire values that clients of the vendor's API use already. */
const established = [
  'anthropic', 'openai', 'gemini', 'openrouter', 'xai', 'perplexity', 'exa', 'firecrawl', 'github', 'gitlab', 'linear',
  'sentry', 'vercel', 'cloudflare', 'stripe', 'slack', 'notion', 'asana', 'resend',
]; // prettier-ignore
const others = [
  'mistral', 'cohere', 'groq', 'deepseek', 'together', 'fireworks', 'cerebras', 'huggingface', 'replicate',
  'elevenlabs', 'deepgram', 'assemblyai', 'nvidia', 'vercel-ai-gateway', 'pinecone', 'langsmith', 'langfuse', 'wandb',
  'tavily', 'brave', 'browserbase', 'bitbucket', 'digitalocean', 'netlify', 'fly', 'heroku', 'render', 'supabase',
  'neon', 'circleci', 'buildkite', 'snyk', 'terraform', 'pulumi', 'doppler', 'datadog', 'newrelic', 'pagerduty',
  'posthog', 'figma', 'tailscale', 'airtable', 'hubspot', 'intercom', 'twilio', 'sendgrid', 'mailgun', 'postmark',
  'discord', 'square', 'dropbox', 'npm', 'pypi', 'rubygems', 'ghcr', 'github-npm',
]; // prettier-ignore

/** Where 128 random bits and a core do not fit into the length of the provider's own tokens. */
const longerThanTheProviders = [
  'assemblyai: 32 hex digits',
  'datadog: 32 hex digits',
  'exa: 36 UUID characters',
  'firecrawl: fc- + 32 hex digits',
  'hubspot: pat-eu1- + 36 UUID characters',
  'hubspot: pat-na1- + 36 UUID characters',
  'langfuse: sk-lf- + 36 UUID characters',
  'mailgun: key- + 32 hex digits',
  'newrelic: NRAK- + 27 upper-case letters and digits',
  'pagerduty: 20 letters and digits',
  'postmark: 36 UUID characters',
  'snyk: 36 UUID characters',
  'twilio: 32 hex digits',
];

const shapes = [...catalogue.values()].flatMap(({ name, tokens }) => tokens.map((shape) => ({ name, shape })));

describe('the catalogue', () => {
  it('has every provider, under its name, once', () => {
    assert.deepEqual([...catalogue.keys()], [...established, ...others].toSorted());
    assert.deepEqual(
      providerViews().map(({ name }) => name),
      [...catalogue.keys()],
    );
  });

  for (const view of providerViews()) {
    it(`${view.name} stands for a rule that could have been given by hand`, () => {
      const { authType, authConfig, hosts } = resolveProvider(view.name);
      assert.deepEqual({ authType, authConfig, hosts }, resolveAuth(authConfig, hosts));
      assert.deepEqual([view.authType, view.authConfig, view.hosts], [authType, authConfig, hosts]);
      assert.deepEqual(parseHosts('hosts', view.hosts), view.hosts);
      assert.ok(view.hosts.every((host) => !host.startsWith('*.')));
      assert.ok(view.display.length > 0);
      assert.ok(view.tokenShape.length > 0);
    });
  }

  it('an unknown provider is refused with those that are near', () => {
    assert.throws(() => resolveProvider('antropic'), refusal('bad_request', 'provider', /Did you mean anthropic\?/));
    assert.throws(() => resolveProvider('GitHub'), refusal('bad_request', 'provider', /Did you mean github/));
    assert.throws(() => resolveProvider('qqqqqqqq'), refusal('bad_request', 'provider', /GET \/providers/));
    assert.throws(() => resolveProvider('__proto__'), refusal('bad_request', 'provider'));
  });

  for (const { name, suffix, instead } of tenantServices) {
    it(`${name} has no shortcut: it would cover every tenant of ${suffix}`, () => {
      assert.throws(() => resolveProvider(name), refusal('bad_request', 'provider', /a host of its own/));
      const filledIn = `{${instead.replaceAll(/<[^>"]*>/g, 'mine')}}`;
      const advice: { auth: AuthInput; hosts: string[] } = JSON.parse(filledIn);
      assert.doesNotThrow(() => resolveAuth(advice.auth, advice.hosts));
      assert.ok(advice.hosts[0]?.endsWith(`.${suffix}`));
    });
  }
});

describe('stand-ins of the catalogue', () => {
  for (const { name, shape } of shapes) {
    it(`one for ${name} (${describeShape(shape)}) looks like the provider's and is recognised`, () => {
      const { text, fingerprint } = makeStandIn(shape);
      assert.match(text, patternOf(shape));
      const cores = findCores(text);
      assert.equal(cores.length, 1);
      const [found] = cores;
      assert.ok(found);
      assert.equal(text.indexOf(found.core), lengthBeforeCore(shape));
      assert.match(fingerprint, /^[0-9a-f]{64}$/);
      const again = makeStandIn(shape);
      assert.notEqual(again.text, text);
      assert.notEqual(again.fingerprint, fingerprint);
      const marker = found.core.startsWith(textMarker) ? textMarker : hexMarker;
      const random = found.core.slice(marker.length, marker === textMarker ? marker.length + 22 : undefined);
      const bits = random.length * Math.log2(marker === textMarker ? 62 : 16);
      assert.ok(bits >= 128, `${bits} bits`);
    });
  }

  it('keeps the length of the provider, but for exactly these', () => {
    const longer = shapes
      .filter(({ shape }) => lengthOf(shape) !== null && makeStandIn(shape).text.length !== lengthOf(shape))
      .map(({ name, shape }) => `${name}: ${describeShape(shape)}`);
    assert.deepEqual(longer.toSorted(), longerThanTheProviders);
    for (const { shape } of shapes) assert.ok(makeStandIn(shape).text.length >= (lengthOf(shape) ?? 0));
  });

  it('prefixes of one provider tell its kinds of token apart', () => {
    for (const { name, tokens } of catalogue.values()) {
      const prefixes = tokens.map(prefixOf);
      assert.equal(new Set(prefixes).size, prefixes.length, name);
      if (tokens.length > 1) assert.ok(!prefixes.includes(''), name);
    }
  });
});

describe('forms that a provider takes', () => {
  const cases: [name: string, host: string, forms: string[]][] = [
    ['anthropic', 'api.anthropic.com', ['x-api-key: *', 'Authorization: Bearer *']],
    ['openai', 'api.openai.com', ['Authorization: Bearer *']],
    ['gemini', 'generativelanguage.googleapis.com', ['x-goog-api-key: *', '?key=*']],
    ['github', 'api.github.com', ['Authorization: Bearer *', 'Authorization: token *']],
    ['github', 'uploads.github.com', ['Authorization: Bearer *', 'Authorization: token *']],
    ['github', 'github.com', ['basic x-access-token:*']],
    ['gitlab', 'gitlab.com', ['PRIVATE-TOKEN: *', 'Authorization: Bearer *', 'basic oauth2:*']],
    ['bitbucket', 'bitbucket.org', ['basic x-token-auth:*']],
    ['stripe', 'api.stripe.com', ['Authorization: Bearer *', 'basic *:']],
    ['stripe', 'files.stripe.com', ['Authorization: Bearer *', 'basic *:']],
    ['tailscale', 'api.tailscale.com', ['Authorization: Bearer *', 'basic *:']],
    ['replicate', 'api.replicate.com', ['Authorization: Bearer *', 'Authorization: Token *']],
    ['fly', 'api.machines.dev', ['Authorization: Bearer *', 'Authorization: FlyV1 *']],
    ['linear', 'api.linear.app', ['Authorization: *']],
    ['deepgram', 'api.deepgram.com', ['Authorization: Token *']],
    ['snyk', 'api.snyk.io', ['Authorization: token *']],
    ['pagerduty', 'api.pagerduty.com', ['Authorization: Token token=*']],
    ['discord', 'discord.com', ['Authorization: Bot *']],
    ['langfuse', 'cloud.langfuse.com', ['basic (own):*']],
    ['twilio', 'api.twilio.com', ['basic (own):*']],
    ['ghcr', 'ghcr.io', ['basic (own):*']],
    ['pypi', 'upload.pypi.org', ['basic __token__:*']],
    ['datadog', 'api.datadoghq.eu', ['DD-API-KEY: *']],
    ['datadog', 'api.us5.datadoghq.com', ['DD-API-KEY: *']],
    ['together', 'api.together.ai', ['Authorization: Bearer *']],
    ['circleci', 'circleci.com', ['Circle-Token: *', 'basic *:']],
    ['newrelic', 'api.eu.newrelic.com', ['Api-Key: *']],
    ['intercom', 'api.eu.intercom.io', ['Authorization: Bearer *']],
    ['intercom', 'api.au.intercom.io', ['Authorization: Bearer *']],
    ['sendgrid', 'api.eu.sendgrid.com', ['Authorization: Bearer *']],
    ['langsmith', 'eu.api.smith.langchain.com', ['x-api-key: *']],
    ['langfuse', 'us.cloud.langfuse.com', ['basic (own):*']],
    ['langfuse', 'jp.cloud.langfuse.com', ['basic (own):*']],
  ];
  for (const [name, host, forms] of cases) {
    it(`${name} at ${host}: ${forms.join(', ')}`, () => assert.deepEqual(formsOf(name, host), forms));
  }
});

function formsOf(name: string, host: string): string[] {
  const { authConfig, hosts } = resolveProvider(name);
  const rules = compileRules({ authConfig, hosts, providerShortcut: name }).filter((rule) => rule.hosts.includes(host));
  return rules.flatMap((rule) => rule.slots).map(describeSlot);
}

function describeSlot(slot: ReturnType<typeof compileRules>[number]['slots'][number]): string {
  if (slot.kind === 'query') return `?${slot.name}=*`;
  if (slot.kind === 'header') return `${slot.name}: ${slot.before}*${slot.after}`;
  return slot.place === 'username' ? 'basic *:' : `basic ${slot.username ?? '(own)'}:*`;
}

/** Prefix, alphabet and length, where the core alone may leave the alphabet of the provider. */
function patternOf(shape: TokenShape): RegExp {
  const parts = shape.map((part) => {
    if ('literal' in part) return RegExp.escape(part.literal);
    const characters = `[${RegExp.escape(alphabets['random' in part ? part.random : part.core].characters)}]`;
    if ('random' in part) return `${characters}{${part.length}}`;
    const hex = part.core === 'hex' || part.core === 'uuid';
    const coreLength = hex ? hexCoreLength : textCoreLength;
    return `[${hex ? '0-9a-f' : 'A-Za-z0-9'}]{${coreLength}}${characters}{${Math.max(0, (part.length ?? 40) - coreLength)}}`;
  });
  return new RegExp(`^${parts.join('')}$`);
}

function lengthBeforeCore(shape: TokenShape): number {
  let length = 0;
  for (const part of shape) {
    if ('core' in part) return length;
    length += 'literal' in part ? part.literal.length : part.length;
  }
  return length;
}
