import { basic, basicAs, bearer, header, provider, raw, scheme } from './provider.ts';
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
  {
    name: 'github',
    display: 'GitHub',
    rules: [
      // gh and Octokit send `token`.
      { hosts: ['api.github.com', 'uploads.github.com'], auth: bearer, also: [scheme('token')] },
      { hosts: ['github.com'], auth: basicAs('x-access-token') },
    ],
    tokens: githubTokens,
  },
  provider('gitlab', 'GitLab', {
    hosts: ['gitlab.com'],
    auth: header('PRIVATE-TOKEN'),
    // git over https is basic.
    also: [bearer, basicAs('oauth2')],
    tokens: [token('glpat-', 20, 'base64url')],
  }),
  {
    name: 'bitbucket',
    display: 'Bitbucket',
    rules: [
      { hosts: ['api.bitbucket.org'], auth: bearer },
      { hosts: ['bitbucket.org'], auth: basicAs('x-token-auth') },
    ],
    tokens: [token('ATCTT', null, 'base64url')],
  },
  provider('npm', 'npm', { hosts: ['registry.npmjs.org'], auth: bearer, tokens: [token('npm_', 36)] }),
  provider('pypi', 'PyPI', {
    hosts: ['upload.pypi.org'],
    auth: basicAs('__token__'),
    tokens: [token('pypi-AgEIcHlwaS5vcmc', 150, 'base64url')],
  }),
  provider('rubygems', 'RubyGems', { hosts: ['rubygems.org'], auth: raw, tokens: [token('rubygems_', 48, 'hex')] }),
  // Basic at /token only; what that answers is used as bearer, and is a token of its own.
  provider('ghcr', 'GitHub Container Registry', { hosts: ['ghcr.io'], auth: basic, tokens: githubTokens }),
  provider('github-npm', 'GitHub Packages (npm)', {
    hosts: ['npm.pkg.github.com'],
    auth: bearer,
    tokens: githubTokens,
  }),
  provider('vercel', 'Vercel', { hosts: ['api.vercel.com'], auth: bearer, tokens: [token('vcp_', 56)] }),
  provider('cloudflare', 'Cloudflare', {
    hosts: ['api.cloudflare.com'],
    auth: bearer,
    tokens: [token('', 40, 'base64url')],
  }),
  provider('digitalocean', 'DigitalOcean', {
    hosts: ['api.digitalocean.com'],
    auth: bearer,
    tokens: [token('dop_v1_', 64, 'hex')],
  }),
  provider('netlify', 'Netlify', { hosts: ['api.netlify.com'], auth: bearer, tokens: [token('nfp_', 36)] }),
  provider('fly', 'Fly.io', {
    hosts: ['api.machines.dev', 'api.fly.io'],
    auth: bearer,
    also: [scheme('FlyV1')],
    tokens: [token('fo1_', 43, 'base64url'), token('fm2_', null, 'base64url')],
  }),
  provider('heroku', 'Heroku', {
    hosts: ['api.heroku.com'],
    auth: bearer,
    tokens: [token('HRKU-AA', 58, 'base64url')],
  }),
  provider('render', 'Render', { hosts: ['api.render.com'], auth: bearer, tokens: [token('rnd_', null)] }),
  provider('supabase', 'Supabase', { hosts: ['api.supabase.com'], auth: bearer, tokens: [token('sbp_', 40, 'hex')] }),
  provider('neon', 'Neon', { hosts: ['console.neon.tech'], auth: bearer, tokens: [token('napi_', null)] }),
  provider('circleci', 'CircleCI', {
    hosts: ['circleci.com'],
    auth: header('Circle-Token'),
    tokens: [token('CCIPAT_', null)],
  }),
  provider('buildkite', 'Buildkite', { hosts: ['api.buildkite.com'], auth: bearer, tokens: [token('bkua_', 40)] }),
  provider('snyk', 'Snyk', { hosts: ['api.snyk.io'], auth: scheme('token'), tokens: [token('', 36, 'uuid')] }),
  provider('terraform', 'HCP Terraform', {
    hosts: ['app.terraform.io'],
    auth: bearer,
    tokens: [[{ random: 'alphanumeric', length: 14 }, { literal: '.atlasv1.' }, { core: 'alphanumeric', length: 67 }]],
  }),
  provider('pulumi', 'Pulumi Cloud', {
    hosts: ['api.pulumi.com'],
    auth: scheme('token'),
    tokens: [token('pul-', 40, 'hex')],
  }),
  provider('doppler', 'Doppler', { hosts: ['api.doppler.com'], auth: bearer, tokens: [token('dp.pt.', 43)] }),
];
