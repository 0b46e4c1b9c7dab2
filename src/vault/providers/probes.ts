/** A call that changes nothing, by which a provider says whether it knows a key. From the vendors' API references. */
export interface Probe {
  method?: 'GET' | 'HEAD' | 'POST';
  /** Of the provider's hosts; its first where nothing is said. */
  host?: string;
  path: string;
  headers?: Readonly<Record<string, string>>;
  /** JSON, fixed. */
  body?: string;
  /** Statuses that say that the key works; any 2xx where nothing is said. */
  works?: readonly number[];
  /** Statuses that say that it does not; 401 where nothing is said. */
  fails?: readonly number[];
  /** The answer is 200 whatever the key; this text in it says that it works. */
  said?: string;
}

const version = (name: string, value: string) => ({ [name]: value });

/** One for each row of the catalogue. Null: the vendor has no call that would only tell. */
export const probes: Readonly<Record<string, Probe | null>> = {
  anthropic: { path: '/v1/models', headers: version('anthropic-version', '2023-06-01') },
  openai: { path: '/v1/models' },
  gemini: { path: '/v1beta/models?pageSize=1', fails: [400, 401, 403] },
  // Its list of models is open to everybody.
  openrouter: { path: '/api/v1/key' },
  xai: { path: '/v1/api-key', fails: [400, 401] },
  perplexity: { path: '/async/chat/completions' },
  exa: { path: '/websets/v0/websets?limit=1' },
  firecrawl: { path: '/v1/team/credit-usage' },
  mistral: { path: '/v1/models' },
  cohere: { path: '/v1/models' },
  groq: { path: '/openai/v1/models' },
  deepseek: { path: '/models' },
  together: { path: '/v1/models' },
  fireworks: { path: '/inference/v1/models' },
  cerebras: { path: '/v1/models' },
  huggingface: { host: 'huggingface.co', path: '/api/whoami-v2' },
  replicate: { path: '/v1/account' },
  elevenlabs: { path: '/v1/user' },
  deepgram: { path: '/v1/projects' },
  assemblyai: { path: '/v2/transcript?limit=1' },
  nvidia: null,
  'vercel-ai-gateway': { path: '/v1/credits' },
  pinecone: { path: '/indexes' },
  langsmith: { path: '/api/v1/sessions?limit=1', fails: [401, 403] },
  langfuse: { path: '/api/public/projects' },
  wandb: null,
  tavily: { path: '/usage' },
  brave: { path: '/res/v1/web/search?q=standin&count=1', fails: [401, 422] },
  browserbase: { path: '/v1/projects' },
  github: { host: 'api.github.com', path: '/rate_limit' },
  gitlab: { path: '/api/v4/user' },
  bitbucket: { host: 'api.bitbucket.org', path: '/2.0/user' },
  npm: { path: '/-/whoami' },
  pypi: null,
  rubygems: { path: '/api/v1/gems.json' },
  ghcr: null,
  'github-npm': { path: '/-/whoami' },
  vercel: { path: '/v2/user', fails: [401, 403] },
  cloudflare: { path: '/client/v4/user/tokens/verify', fails: [400, 401] },
  digitalocean: { path: '/v2/account' },
  netlify: { path: '/api/v1/user' },
  fly: { host: 'api.machines.dev', path: '/v1/apps?org_slug=personal' },
  heroku: { path: '/account', headers: version('Accept', 'application/vnd.heroku+json; version=3') },
  render: { path: '/v1/owners?limit=1' },
  supabase: { path: '/v1/organizations' },
  neon: { path: '/api/v2/users/me' },
  circleci: { path: '/api/v2/me' },
  buildkite: { path: '/v2/access-token' },
  snyk: { path: '/rest/self?version=2024-06-10' },
  terraform: { path: '/api/v2/account/details' },
  pulumi: { path: '/api/user', headers: version('Accept', 'application/vnd.pulumi+8') },
  doppler: { path: '/v3/me' },
  linear: { method: 'POST', path: '/graphql', body: '{"query":"{viewer{id}}"}', fails: [400, 401] },
  sentry: { path: '/api/0/organizations/' },
  stripe: { host: 'api.stripe.com', path: '/v1/balance' },
  slack: { method: 'POST', host: 'slack.com', path: '/api/auth.test', body: '{}', said: '"ok":true' },
  notion: { path: '/v1/users/me', headers: version('Notion-Version', '2022-06-28') },
  asana: { path: '/api/1.0/users/me' },
  resend: { path: '/domains', fails: [400, 403] },
  datadog: { path: '/api/v1/validate', fails: [401, 403] },
  newrelic: { method: 'POST', path: '/graphql', body: '{"query":"{actor{user{id}}}"}' },
  pagerduty: { path: '/abilities', headers: version('Accept', 'application/vnd.pagerduty+json;version=2') },
  posthog: { path: '/api/users/@me/' },
  figma: { path: '/v1/me', fails: [401, 403] },
  tailscale: { path: '/api/v2/tailnet/-/keys' },
  airtable: { path: '/v0/meta/whoami' },
  hubspot: { path: '/account-info/v3/details' },
  intercom: { path: '/me' },
  twilio: { path: '/2010-04-01/Accounts.json?PageSize=1' },
  sendgrid: { path: '/v3/scopes' },
  mailgun: { path: '/v3/domains?limit=1' },
  postmark: { path: '/server', headers: version('Accept', 'application/json') },
  discord: { path: '/api/v10/users/@me' },
  square: { path: '/v2/locations' },
  dropbox: { method: 'POST', host: 'api.dropboxapi.com', path: '/2/users/get_current_account', body: 'null' },
};
