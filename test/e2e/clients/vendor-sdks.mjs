// Each vendor's own package with the key that it finds in its variable: `ok NAME` where its call came back, `no NAME: why`
// where it did not. What a package says of the key's form goes to stderr.
import Browserbase from '@browserbasehq/sdk';
import Cerebras from '@cerebras/cerebras_cloud_sdk';
import { GoogleGenAI } from '@google/genai';
import { whoAmI } from '@huggingface/hub';
import { LinearClient } from '@linear/sdk';
import { Mistral } from '@mistralai/mistralai';
import { createApiClient as createNeon } from '@neondatabase/api-client';
import { Client as Notion } from '@notionhq/client';
import { Octokit } from '@octokit/core';
import { api as pagerduty } from '@pagerduty/pdjs';
import sendgrid from '@sendgrid/client';
import { WebClient as Slack } from '@slack/web-api';
import Airtable from 'airtable';
import { AssemblyAI } from 'assemblyai';
import Groq from 'groq-sdk';
import { IntercomClient } from 'intercom-client';
import { Client as LangSmith } from 'langsmith';
import OpenAI from 'openai';
import { ServerClient as Postmark } from 'postmark';
import Replicate from 'replicate';
import { Resend } from 'resend';
import Stripe from 'stripe';
import Together from 'together-ai';
import twilio from 'twilio';

const key = (name) => process.env[`KEY_${name.toUpperCase()}`];
const once = { maxRetries: 0 };

const calls = {
  openai: () => new OpenAI({ apiKey: key('openai'), ...once }).models.list(),
  groq: () => new Groq({ apiKey: key('groq'), ...once }).models.list(),
  // By fetch: its own agent knows no proxy.
  stripe: () => {
    const httpClient = Stripe.createFetchHttpClient();
    return new Stripe(key('stripe'), { httpClient, maxNetworkRetries: 0, telemetry: false }).balance.retrieve();
  },
  github: () => new Octokit({ auth: key('github') }).request('GET /rate_limit'),
  slack: () => new Slack(key('slack'), { retryConfig: { retries: 0 } }).auth.test(),
  notion: () => new Notion({ auth: key('notion') }).users.me({}),
  gemini: () => new GoogleGenAI({ apiKey: key('gemini') }).models.list(),
  huggingface: () => whoAmI({ accessToken: key('huggingface') }),
  resend: async () => {
    const { error } = await new Resend(key('resend')).domains.list();
    if (error !== null) throw new Error(error.message);
  },
  replicate: () => new Replicate({ auth: key('replicate') }).accounts.current(),
  twilio: () => twilio(`AC${'0'.repeat(32)}`, key('twilio')).api.v2010.accounts.list({ limit: 1 }),
  sendgrid: () => {
    sendgrid.setApiKey(key('sendgrid'));
    return sendgrid.request({ method: 'GET', url: '/v3/scopes' });
  },
  linear: () => new LinearClient({ apiKey: key('linear') }).client.rawRequest('{ viewer { id } }', {}),
  mistral: () => new Mistral({ apiKey: key('mistral') }).models.list(),
  together: () => new Together({ apiKey: key('together'), ...once }).models.list(),
  // By fetch: its own knows no proxy.
  cerebras: () => new Cerebras({ apiKey: key('cerebras'), fetch, warmTCPConnection: false, ...once }).models.list(),
  browserbase: () => new Browserbase({ apiKey: key('browserbase'), ...once }).projects.list(),
  neon: () => createNeon({ apiKey: key('neon') }).getAuthDetails(),
  pagerduty: () => pagerduty({ token: key('pagerduty') }).get('/abilities'),
  airtable: () => new Airtable({ apiKey: key('airtable') }).base('app00000000000000')('x').find('rec00000000000000'),
  assemblyai: () => new AssemblyAI({ apiKey: key('assemblyai') }).transcripts.list({ limit: 1 }),
  intercom: () => new IntercomClient({ token: key('intercom') }).admins.identify(),
  langsmith: () =>
    new LangSmith({ apiKey: key('langsmith') }).readProject({ projectId: '00000000-0000-4000-8000-000000000000' }),
  postmark: () => new Postmark(key('postmark')).getServer(),
};

for (const name of process.argv.slice(2)) {
  try {
    await calls[name]();
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`no ${name}: ${error.message.split('\n')[0]}`);
  }
}
