import { get, post } from './probe.ts';
import { basic, basicAs, basicUsername, bearer, header, provider, raw, scheme } from './provider.ts';
import type { Provider } from './provider.ts';
import { token } from './token-shape.ts';

/** An account is at one of them. */
const datadogSites = ['com', 'eu']
  .map((end) => `api.datadoghq.${end}`)
  .concat(['us3', 'us5', 'ap1', 'ap2', 'uk1'].map((site) => `api.${site}.datadoghq.com`));

const newrelicRegions = ['api.newrelic.com', 'api.eu.newrelic.com'];
const intercomRegions = ['api.intercom.io', 'api.eu.intercom.io', 'api.au.intercom.io'];
const sendgridRegions = ['api.sendgrid.com', 'api.eu.sendgrid.com'];

/** Work, money, messages and monitoring. */
export const serviceProviders: readonly Provider[] = [
  provider('linear', 'Linear', {
    hosts: ['api.linear.app'],
    auth: raw,
    tokens: [token('lin_api_', 40)],
    source: 'https://linear.app/developers/graphql',
    unseen: true,
    code: '@linear/sdk@98.0.0',
    probe: post('/graphql', { query: '{ viewer { id } }' }, { answerHas: '"viewer":{', refused: [400, 401] }),
  }),
  provider('sentry', 'Sentry', {
    hosts: ['sentry.io'],
    auth: bearer,
    tokens: [token('sntryu_', 64, 'hex')],
    source: 'https://docs.sentry.io/api/auth/',
    probe: get('/api/0/organizations/', { limited: [403] }),
  }),
  provider('stripe', 'Stripe', {
    hosts: ['api.stripe.com', 'files.stripe.com'],
    auth: bearer,
    also: [basicUsername],
    tokens: [token('sk_live_', 99), token('sk_test_', 99), token('rk_live_', 99), token('rk_test_', 99)],
    source: 'https://docs.stripe.com/api/authentication',
    unseen: true,
    code: 'stripe@23.1.0',
    probe: get('/v1/balance', { limited: [403] }),
  }),
  provider('slack', 'Slack', {
    hosts: ['slack.com', 'files.slack.com'],
    auth: bearer,
    tokens: ['xoxb-', 'xoxp-'].map((prefix) => [
      { literal: prefix },
      { random: 'digits', length: 12 },
      { literal: '-' },
      { random: 'digits', length: 12 },
      { literal: '-' },
      { core: 'alphanumeric', length: null },
    ]),
    source: 'https://docs.slack.dev/reference/methods/auth.test',
    unseen: true,
    code: '@slack/web-api@8.2.0',
    // Always a 200: the content says it.
    probe: post('/api/auth.test', {}, { answerHas: '"ok":true' }),
  }),
  provider('notion', 'Notion', {
    hosts: ['api.notion.com'],
    auth: bearer,
    tokens: [token('ntn_', 46)],
    source: 'https://developers.notion.com/reference/authentication',
    unseen: true,
    code: '@notionhq/client@5.26.0',
    probe: get('/v1/users/me', { headers: { 'Notion-Version': '2022-06-28' }, limited: [403] }),
  }),
  provider('asana', 'Asana', {
    hosts: ['app.asana.com'],
    auth: bearer,
    tokens: [token('', null)],
    source: 'https://developers.asana.com/docs/personal-access-token',
    unseen: true,
    code: 'asana@3.2.0',
    probe: get('/api/1.0/users/me', { limited: [403] }),
  }),
  provider('resend', 'Resend', {
    hosts: ['api.resend.com'],
    auth: bearer,
    tokens: [token('re_', 33)],
    source: 'https://resend.com/docs/api-reference/errors',
    // A key that may only send is a 401 here (restricted_api_key), an unknown one a 400 or a 403.
    probe: get('/domains', { limited: [401], refused: [400, 403] }),
  }),
  provider('datadog', 'Datadog', {
    hosts: datadogSites,
    auth: header('DD-API-KEY'),
    tokens: [token('', 32, 'hex')],
    source: 'https://docs.datadoghq.com/api/latest/authentication/validate-api-key/',
    probe: get('/api/v1/validate', { hosts: datadogSites, refused: [401, 403] }),
  }),
  provider('newrelic', 'New Relic', {
    hosts: newrelicRegions,
    auth: header('Api-Key'),
    tokens: [token('NRAK-', 27, 'upper')],
    source:
      'https://newrelic.com/info/blog/explainer/making-a-new-relic-nerdgraph-api-request-with-curl-endpoint-and-headers',
    probe: post(
      '/graphql',
      { query: '{ actor { user { id } } }' },
      { hosts: newrelicRegions, answerHas: '"actor":{"user":{', refused: [401, 403] },
    ),
  }),
  provider('pagerduty', 'PagerDuty', {
    hosts: ['api.pagerduty.com'],
    auth: { type: 'api-key', header: 'Authorization', prefix: 'Token token=' },
    tokens: [token('', 20)],
    source: 'https://developer.pagerduty.com/docs/authentication',
    unseen: true,
    code: '@pagerduty/pdjs@2.2.4',
    probe: get('/abilities', { headers: { Accept: 'application/vnd.pagerduty+json;version=2' }, limited: [403] }),
  }),
  provider('posthog', 'PostHog', {
    hosts: ['us.posthog.com', 'eu.posthog.com'],
    auth: bearer,
    tokens: [token('phx_', null)],
    source: 'https://posthog.com/docs/api',
    probe: get('/api/users/@me/', { hosts: ['us.posthog.com', 'eu.posthog.com'], limited: [403] }),
  }),
  provider('figma', 'Figma', {
    hosts: ['api.figma.com'],
    auth: header('X-Figma-Token'),
    tokens: [token('figd_', null, 'base64url')],
    source: 'https://developers.figma.com/docs/rest-api/personal-access-tokens/',
    code: '@figma/rest-api-spec@0.43.0',
    probe: get('/v1/me', { refused: [401, 403] }),
  }),
  provider('tailscale', 'Tailscale', {
    hosts: ['api.tailscale.com'],
    auth: bearer,
    also: [basicUsername],
    tokens: [token('tskey-api-', null)],
    source: 'https://github.com/tailscale/tailscale/blob/main/api.md',
    probe: get('/api/v2/tailnet/-/keys', { limited: [403] }),
  }),
  provider('airtable', 'Airtable', {
    hosts: ['api.airtable.com'],
    auth: bearer,
    tokens: [
      [{ literal: 'pat' }, { random: 'alphanumeric', length: 14 }, { literal: '.' }, { core: 'hex', length: 64 }],
    ],
    source: 'https://airtable.com/developers/web/api/get-user-id-scopes',
    unseen: true,
    code: 'airtable@0.12.2',
    unsettled: 'the test call, which its package does not make',
    probe: get('/v0/meta/whoami'),
  }),
  provider('hubspot', 'HubSpot', {
    hosts: ['api.hubapi.com'],
    auth: bearer,
    tokens: [token('pat-na1-', 36, 'uuid'), token('pat-eu1-', 36, 'uuid')],
    source:
      'https://developers.hubspot.com/docs/api-reference/account-account-info-v3/details/get-account-info-v3-details',
    unseen: true,
    code: '@hubspot/api-client@14.0.1',
    unsettled: 'the test call, which its package does not make',
    probe: get('/account-info/v3/details', { limited: [403] }),
  }),
  provider('intercom', 'Intercom', {
    hosts: intercomRegions,
    auth: bearer,
    tokens: [token('', null)],
    source: 'https://developers.intercom.com/docs/build-an-integration/learn-more/authentication',
    unseen: true,
    code: 'intercom-client@7.0.3',
    probe: get('/me', { hosts: intercomRegions, limited: [403] }),
  }),
  // The user name is the account SID, which the client knows and sends.
  provider('twilio', 'Twilio', {
    hosts: ['api.twilio.com'],
    auth: basic,
    tokens: [token('', 32, 'hex')],
    source: 'https://www.twilio.com/docs/usage/requests-to-twilio',
    unseen: true,
    code: 'twilio@6.3.1',
    probe: get('/2010-04-01/Accounts.json?PageSize=1', { user: { ask: 'the account SID (AC…)' }, limited: [403] }),
  }),
  provider('sendgrid', 'SendGrid', {
    hosts: sendgridRegions,
    auth: bearer,
    tokens: [
      [{ literal: 'SG.' }, { random: 'base64url', length: 22 }, { literal: '.' }, { core: 'base64url', length: 43 }],
    ],
    source: 'https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/authentication',
    unseen: true,
    code: '@sendgrid/client@8.1.6',
    probe: get('/v3/scopes', { hosts: sendgridRegions, limited: [403] }),
  }),
  provider('mailgun', 'Mailgun', {
    hosts: ['api.mailgun.net', 'api.eu.mailgun.net'],
    auth: basicAs('api'),
    tokens: [token('key-', 32, 'hex')],
    source: 'https://documentation.mailgun.com/docs/mailgun/api-reference/authentication',
    probe: get('/v4/domains?limit=1', { hosts: ['api.mailgun.net', 'api.eu.mailgun.net'], limited: [403] }),
  }),
  provider('postmark', 'Postmark', {
    hosts: ['api.postmarkapp.com'],
    auth: header('X-Postmark-Server-Token'),
    tokens: [token('', 36, 'uuid')],
    source: 'https://postmarkapp.com/developer/api/server-api',
    unseen: true,
    code: 'postmark@5.1.0',
    probe: get('/server'),
  }),
  provider('discord', 'Discord', {
    hosts: ['discord.com'],
    auth: scheme('Bot'),
    tokens: [
      [
        { random: 'base64url', length: 26 },
        { literal: '.' },
        { random: 'base64url', length: 6 },
        { literal: '.' },
        { core: 'base64url', length: 38 },
      ],
    ],
    source: 'https://docs.discord.com/developers/discord-social-sdk/development-guides/using-with-discord-apis',
    probe: get('/api/v10/users/@me'),
  }),
  provider('square', 'Square', {
    hosts: ['connect.squareup.com'],
    auth: bearer,
    tokens: [token('EAAA', null)],
    source: 'https://developer.squareup.com/docs/build-basics/access-tokens',
    unseen: true,
    code: 'square@46.0.0',
    probe: get('/v2/locations', { limited: [403] }),
  }),
  provider('dropbox', 'Dropbox', {
    hosts: ['api.dropboxapi.com', 'content.dropboxapi.com'],
    auth: bearer,
    tokens: [token('sl.', null, 'base64url')],
    source: 'https://www.dropbox.com/developers/documentation/http/documentation#check-user',
    unseen: true,
    code: 'dropbox==12.2.4',
    probe: post('/2/check/user', { query: 'standin' }, { refused: [400, 401] }),
  }),
];
