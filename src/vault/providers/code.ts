import { get } from './probe.ts';
import { basic, basicAs, basicUsername, bearer, header, perHostProvider, provider, raw, scheme } from './provider.ts';
import type { Provider } from './provider.ts';
import { token } from './token-shape.ts';
import type { TokenShape } from './token-shape.ts';

const githubTokens: readonly TokenShape[] = [
  token('ghp_', 36),
  [
    { literal: 'github_pat_' },
    { random: 'alphanumeric', length: 22 },
    { literal: '_' },
    { core: 'alphanumeric', length: 59 },
  ],
  token('gho_', 36),
  token('ghu_', 36),
  token('ghs_', 36),
];

/** Source code, packages, hosting and what runs there. */
export const codeProviders: readonly Provider[] = [
  perHostProvider('github', 'GitHub', {
    rules: [
      // gh and Octokit send `token`.
      { hosts: ['api.github.com', 'uploads.github.com'], auth: bearer, also: [scheme('token')] },
      { hosts: ['github.com'], auth: basicAs('x-access-token') },
    ],
    tokens: githubTokens,
    source: 'https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api',
    code: '@octokit/core@7.0.8',
    // Every kind of token may ask for its limits, and asking does not count against them.
    probe: get('/rate_limit', { headers: { 'X-GitHub-Api-Version': '2022-11-28' } }),
  }),
  provider('gitlab', 'GitLab', {
    hosts: ['gitlab.com'],
    auth: header('PRIVATE-TOKEN'),
    // git over https is basic.
    also: [bearer, basicAs('oauth2')],
    // 20 characters before tokens were routable, 37 and more since.
    tokens: [token('glpat-', null, 'base64url')],
    source: 'https://docs.gitlab.com/user/profile/personal_access_tokens/',
    probe: get('/api/v4/personal_access_tokens/self', { limited: [403] }),
  }),
  perHostProvider('bitbucket', 'Bitbucket', {
    rules: [
      { hosts: ['api.bitbucket.org'], auth: bearer },
      { hosts: ['bitbucket.org'], auth: basicAs('x-token-auth') },
    ],
    tokens: [token('ATCTT', null, 'base64url')],
    source: 'https://support.atlassian.com/bitbucket-cloud/docs/using-project-access-tokens/',
    unsettled: 'the user name that git takes, which comes from the code of clients',
    probe: get('/2.0/user', { limited: [403] }),
  }),
  provider('npm', 'npm', {
    hosts: ['registry.npmjs.org'],
    auth: bearer,
    tokens: [token('npm_', 36)],
    source: 'https://docs.npmjs.com/about-access-tokens',
    unseen: true,
    code: 'npm-registry-fetch@20.0.1',
    probe: get('/-/whoami', { limited: [403] }),
  }),
  provider('pypi', 'PyPI', {
    hosts: ['upload.pypi.org'],
    auth: basicAs('__token__'),
    tokens: [token('pypi-AgEIcHlwaS5vcmc', 150, 'base64url')],
    source: 'https://pypi.org/help/#apitoken',
    unseen: true,
    code: 'twine==7.0.0',
    probe: { none: 'its host takes uploads and nothing else' },
  }),
  provider('rubygems', 'RubyGems', {
    hosts: ['rubygems.org'],
    auth: raw,
    tokens: [token('rubygems_', 48, 'hex')],
    source: 'https://guides.rubygems.org/rubygems-org-api/',
    probe: get('/api/v1/gems.json', { limited: [403] }),
  }),
  // Basic at /token only; what that answers is used as bearer, and is a token of its own.
  provider('ghcr', 'GitHub Container Registry', {
    hosts: ['ghcr.io'],
    auth: basic,
    tokens: githubTokens,
    source:
      'https://docs.github.com/en/packages/working-with-a-github-packages-registry/working-with-the-container-registry',
    unseen: true,
    probe: get('/token?service=ghcr.io', { user: { any: 'x-access-token' }, refused: [401, 403] }),
  }),
  provider('github-npm', 'GitHub Packages (npm)', {
    hosts: ['npm.pkg.github.com'],
    auth: bearer,
    tokens: githubTokens,
    source: 'https://docs.github.com/en/packages/working-with-a-github-packages-registry/working-with-the-npm-registry',
    probe: get('/-/whoami', { limited: [403] }),
  }),
  provider('vercel', 'Vercel', {
    hosts: ['api.vercel.com'],
    auth: bearer,
    tokens: [token('vcp_', 56)],
    source: 'https://vercel.com/docs/rest-api',
    unseen: true,
    code: '@vercel/sdk@1.28.35',
    // An unknown token is a 403 there.
    probe: get('/v2/user', { refused: [401, 403] }),
  }),
  provider('cloudflare', 'Cloudflare', {
    hosts: ['api.cloudflare.com'],
    auth: bearer,
    // Before 2026 they were 40 characters without a prefix, and those still work.
    tokens: [token('cfut_', null), token('cfat_', null)],
    source: 'https://developers.cloudflare.com/fundamentals/api/get-started/token-formats/',
    unsettled: 'how long the checksum at the end of a token is',
    probe: get('/client/v4/user/tokens/verify', { refused: [400, 401, 403], notFor: ['cfat_', 'cfk_'] }),
  }),
  provider('digitalocean', 'DigitalOcean', {
    hosts: ['api.digitalocean.com'],
    auth: bearer,
    tokens: [token('dop_v1_', 64, 'hex')],
    source: 'https://docs.digitalocean.com/reference/api/',
    unseen: true,
    code: '@digitalocean/dots@1.19.0',
    probe: get('/v2/account', { limited: [403] }),
  }),
  provider('netlify', 'Netlify', {
    hosts: ['api.netlify.com'],
    auth: bearer,
    tokens: [token('nfp_', 36)],
    source: 'https://docs.netlify.com/api-and-cli-guides/api-guides/get-started-with-api/',
    unseen: true,
    code: '@netlify/open-api@2.60.0',
    probe: get('/api/v1/user'),
  }),
  provider('fly', 'Fly.io', {
    hosts: ['api.machines.dev', 'api.fly.io'],
    auth: bearer,
    also: [scheme('FlyV1')],
    tokens: [token('fo1_', 43, 'base64url'), token('fm2_', null, 'base64url')],
    source: 'https://fly.io/docs/machines/api/working-with-machines-api/',
    probe: get('/v1/apps?org_slug=personal', { limited: [403, 404] }),
  }),
  provider('heroku', 'Heroku', {
    hosts: ['api.heroku.com'],
    auth: bearer,
    tokens: [token('HRKU-AA', 58, 'base64url')],
    source: 'https://devcenter.heroku.com/articles/platform-api-quickstart',
    unseen: true,
    code: '@heroku-cli/command@13.2.0',
    probe: get('/account', { headers: { Accept: 'application/vnd.heroku+json; version=3' }, limited: [403] }),
  }),
  provider('render', 'Render', {
    hosts: ['api.render.com'],
    auth: bearer,
    tokens: [token('rnd_', null)],
    source: 'https://render.com/api',
    unsettled: 'that its keys start with `rnd_`',
    probe: get('/v1/users'),
  }),
  provider('supabase', 'Supabase', {
    hosts: ['api.supabase.com'],
    auth: bearer,
    tokens: [token('sbp_', 40, 'hex')],
    source: 'https://supabase.com/docs/reference/api/introduction',
    unseen: true,
    code: 'github.com/supabase/cli v1.226.4',
    probe: get('/v1/organizations', { limited: [403] }),
  }),
  provider('neon', 'Neon', {
    hosts: ['console.neon.tech'],
    auth: bearer,
    tokens: [token('napi_', null)],
    source: 'https://neon.com/docs/reference/api/users/get-auth-details',
    unsettled: 'that its keys start with `napi_`',
    probe: get('/api/v2/auth'),
  }),
  provider('circleci', 'CircleCI', {
    hosts: ['circleci.com'],
    auth: header('Circle-Token'),
    also: [basicUsername],
    // Personal ones. The two parts are an id and the secret.
    tokens: [
      [{ literal: 'CCIPAT_' }, { random: 'alphanumeric', length: 22 }, { literal: '_' }, { core: 'hex', length: 40 }],
    ],
    source: 'https://circleci.com/docs/api-developers-guide/',
    probe: get('/api/v2/me'),
  }),
  provider('buildkite', 'Buildkite', {
    hosts: ['api.buildkite.com'],
    auth: bearer,
    tokens: [token('bkua_', 40)],
    source: 'https://buildkite.com/docs/apis/rest-api/access-token',
    probe: get('/v2/access-token'),
  }),
  provider('snyk', 'Snyk', {
    hosts: ['api.snyk.io'],
    auth: scheme('token'),
    tokens: [token('', 36, 'uuid')],
    source: 'https://docs.snyk.io/developer-tools/snyk-api/authentication-for-api',
    probe: get('/rest/self?version=2024-10-15', { limited: [403] }),
  }),
  provider('terraform', 'HCP Terraform', {
    hosts: ['app.terraform.io'],
    auth: bearer,
    tokens: [[{ random: 'alphanumeric', length: 14 }, { literal: '.atlasv1.' }, { core: 'alphanumeric', length: 67 }]],
    source: 'https://developer.hashicorp.com/terraform/enterprise/v202411-2/api-docs/account',
    code: 'github.com/hashicorp/go-tfe v1.111.2',
    // Tokens of a team or an organization have an account of their own.
    probe: get('/api/v2/account/details', { headers: { 'Content-Type': 'application/vnd.api+json' }, limited: [403] }),
  }),
  provider('pulumi', 'Pulumi Cloud', {
    hosts: ['api.pulumi.com'],
    auth: scheme('token'),
    tokens: [token('pul-', 40, 'hex')],
    source: 'https://www.pulumi.com/docs/reference/cloud-rest-api/api-basics/',
    probe: get('/api/user', { headers: { Accept: 'application/vnd.pulumi+8' } }),
  }),
  provider('doppler', 'Doppler', {
    hosts: ['api.doppler.com'],
    auth: bearer,
    tokens: [token('dp.pt.', 43), token('dp.st.', null), token('dp.sa.', null)],
    source: 'https://docs.doppler.com/reference-link/api',
    probe: get('/v3/me'),
  }),
];
