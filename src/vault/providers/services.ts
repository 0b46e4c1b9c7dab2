import { basic, basicAs, basicUsername, bearer, header, provider, raw, scheme } from './provider.ts';
import type { Provider } from './provider.ts';
import { token } from './token-shape.ts';

/** Work, money, messages and monitoring. */
export const serviceProviders: readonly Provider[] = [
  provider('linear', 'Linear', { hosts: ['api.linear.app'], auth: raw, tokens: [token('lin_api_', 40)] }),
  provider('sentry', 'Sentry', { hosts: ['sentry.io'], auth: bearer, tokens: [token('sntryu_', 64, 'hex')] }),
  provider('stripe', 'Stripe', {
    hosts: ['api.stripe.com', 'files.stripe.com'],
    auth: bearer,
    also: [basicUsername],
    tokens: [token('sk_live_', 99), token('sk_test_', 99), token('rk_live_', 99), token('rk_test_', 99)],
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
  }),
  provider('notion', 'Notion', { hosts: ['api.notion.com'], auth: bearer, tokens: [token('ntn_', 46)] }),
  provider('asana', 'Asana', { hosts: ['app.asana.com'], auth: bearer, tokens: [token('', null)] }),
  provider('resend', 'Resend', { hosts: ['api.resend.com'], auth: bearer, tokens: [token('re_', 33)] }),
  provider('datadog', 'Datadog', {
    hosts: ['api.datadoghq.com', 'api.datadoghq.eu'],
    auth: header('DD-API-KEY'),
    tokens: [token('', 32, 'hex')],
  }),
  provider('newrelic', 'New Relic', {
    hosts: ['api.newrelic.com'],
    auth: header('Api-Key'),
    tokens: [token('NRAK-', 27, 'upper')],
  }),
  provider('pagerduty', 'PagerDuty', {
    hosts: ['api.pagerduty.com'],
    auth: { type: 'api-key', header: 'Authorization', prefix: 'Token token=' },
    tokens: [token('', 20)],
  }),
  provider('posthog', 'PostHog', {
    hosts: ['us.posthog.com', 'eu.posthog.com'],
    auth: bearer,
    tokens: [token('phx_', null)],
  }),
  provider('figma', 'Figma', {
    hosts: ['api.figma.com'],
    auth: header('X-Figma-Token'),
    tokens: [token('figd_', null, 'base64url')],
  }),
  provider('tailscale', 'Tailscale', {
    hosts: ['api.tailscale.com'],
    auth: bearer,
    also: [basicUsername],
    tokens: [token('tskey-api-', null)],
  }),
  provider('airtable', 'Airtable', {
    hosts: ['api.airtable.com'],
    auth: bearer,
    tokens: [
      [{ literal: 'pat' }, { random: 'alphanumeric', length: 14 }, { literal: '.' }, { core: 'hex', length: 64 }],
    ],
  }),
  provider('hubspot', 'HubSpot', {
    hosts: ['api.hubapi.com'],
    auth: bearer,
    tokens: [token('pat-na1-', 36, 'uuid'), token('pat-eu1-', 36, 'uuid')],
  }),
  provider('intercom', 'Intercom', { hosts: ['api.intercom.io'], auth: bearer, tokens: [token('', null)] }),
  // The user name is the account SID, which the client knows and sends.
  provider('twilio', 'Twilio', { hosts: ['api.twilio.com'], auth: basic, tokens: [token('', 32, 'hex')] }),
  provider('sendgrid', 'SendGrid', {
    hosts: ['api.sendgrid.com'],
    auth: bearer,
    tokens: [
      [{ literal: 'SG.' }, { random: 'base64url', length: 22 }, { literal: '.' }, { core: 'base64url', length: 43 }],
    ],
  }),
  provider('mailgun', 'Mailgun', {
    hosts: ['api.mailgun.net', 'api.eu.mailgun.net'],
    auth: basicAs('api'),
    tokens: [token('key-', 32, 'hex')],
  }),
  provider('postmark', 'Postmark', {
    hosts: ['api.postmarkapp.com'],
    auth: header('X-Postmark-Server-Token'),
    tokens: [token('', 36, 'uuid')],
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
  }),
  provider('square', 'Square', { hosts: ['connect.squareup.com'], auth: bearer, tokens: [token('EAAA', null)] }),
  provider('dropbox', 'Dropbox', {
    hosts: ['api.dropboxapi.com', 'content.dropboxapi.com'],
    auth: bearer,
    tokens: [token('sl.', null, 'base64url')],
  }),
];
