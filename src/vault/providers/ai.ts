import { basic, basicAs, bearer, header, provider, raw, scheme } from './provider.ts';
import type { Provider } from './provider.ts';
import { token } from './token-shape.ts';

/** Models, search and what is built around them. */
export const aiProviders: readonly Provider[] = [
  provider('anthropic', 'Anthropic', {
    hosts: ['api.anthropic.com'],
    auth: header('x-api-key'),
    // OAuth tokens (sk-ant-oat01-) are sent as bearer.
    also: [bearer],
    tokens: [token('sk-ant-api03-', 95, 'base64url'), token('sk-ant-oat01-', 95, 'base64url')],
  }),
  provider('openai', 'OpenAI', {
    hosts: ['api.openai.com'],
    auth: bearer,
    tokens: [
      token('sk-proj-', 156, 'base64url'),
      token('sk-svcacct-', 156, 'base64url'),
      token('sk-admin-', 156, 'base64url'),
      token('sk-', 48),
    ],
  }),
  provider('gemini', 'Google Gemini', {
    hosts: ['generativelanguage.googleapis.com'],
    auth: header('x-goog-api-key'),
    also: [{ type: 'query', parameter: 'key' }],
    tokens: [token('AIza', 35, 'base64url')],
  }),
  provider('openrouter', 'OpenRouter', {
    hosts: ['openrouter.ai'],
    auth: bearer,
    tokens: [token('sk-or-v1-', 64, 'hex')],
  }),
  provider('xai', 'xAI', { hosts: ['api.x.ai'], auth: bearer, tokens: [token('xai-', 80)] }),
  provider('perplexity', 'Perplexity', { hosts: ['api.perplexity.ai'], auth: bearer, tokens: [token('pplx-', 48)] }),
  provider('exa', 'Exa', { hosts: ['api.exa.ai'], auth: header('x-api-key'), tokens: [token('', 36, 'uuid')] }),
  provider('firecrawl', 'Firecrawl', { hosts: ['api.firecrawl.dev'], auth: bearer, tokens: [token('fc-', 32, 'hex')] }),
  provider('mistral', 'Mistral', { hosts: ['api.mistral.ai'], auth: bearer, tokens: [token('', 32)] }),
  provider('cohere', 'Cohere', { hosts: ['api.cohere.com'], auth: bearer, tokens: [token('', 40)] }),
  provider('groq', 'Groq', { hosts: ['api.groq.com'], auth: bearer, tokens: [token('gsk_', 52)] }),
  provider('deepseek', 'DeepSeek', { hosts: ['api.deepseek.com'], auth: bearer, tokens: [token('sk-', 32)] }),
  provider('together', 'Together AI', { hosts: ['api.together.xyz'], auth: bearer, tokens: [token('', 64, 'hex')] }),
  provider('fireworks', 'Fireworks AI', { hosts: ['api.fireworks.ai'], auth: bearer, tokens: [token('fw_', null)] }),
  provider('cerebras', 'Cerebras', { hosts: ['api.cerebras.ai'], auth: bearer, tokens: [token('csk-', null)] }),
  provider('huggingface', 'Hugging Face', {
    hosts: ['huggingface.co', 'router.huggingface.co'],
    auth: bearer,
    tokens: [token('hf_', 34)],
  }),
  provider('replicate', 'Replicate', {
    hosts: ['api.replicate.com'],
    auth: bearer,
    also: [scheme('Token')],
    tokens: [token('r8_', 37)],
  }),
  provider('elevenlabs', 'ElevenLabs', {
    hosts: ['api.elevenlabs.io'],
    auth: header('xi-api-key'),
    tokens: [token('sk_', 48, 'hex')],
  }),
  provider('deepgram', 'Deepgram', {
    hosts: ['api.deepgram.com'],
    auth: scheme('Token'),
    tokens: [token('', 40, 'hex')],
  }),
  provider('assemblyai', 'AssemblyAI', { hosts: ['api.assemblyai.com'], auth: raw, tokens: [token('', 32, 'hex')] }),
  provider('nvidia', 'NVIDIA NIM', {
    hosts: ['integrate.api.nvidia.com'],
    auth: bearer,
    tokens: [token('nvapi-', 64, 'base64url')],
  }),
  provider('vercel-ai-gateway', 'Vercel AI Gateway', {
    hosts: ['ai-gateway.vercel.sh'],
    auth: bearer,
    tokens: [token('vck_', null)],
  }),
  provider('pinecone', 'Pinecone', {
    hosts: ['api.pinecone.io'],
    auth: header('Api-Key'),
    tokens: [token('pcsk_', null)],
  }),
  provider('langsmith', 'LangSmith', {
    hosts: ['api.smith.langchain.com'],
    auth: header('x-api-key'),
    tokens: [token('lsv2_pt_', null, 'hex')],
  }),
  // The user name is the account's public key, which the client knows and sends.
  provider('langfuse', 'Langfuse', {
    hosts: ['cloud.langfuse.com'],
    auth: basic,
    tokens: [token('sk-lf-', 36, 'uuid')],
  }),
  provider('wandb', 'Weights & Biases', {
    hosts: ['api.wandb.ai'],
    auth: basicAs('api'),
    tokens: [token('', 40, 'hex')],
  }),
  provider('tavily', 'Tavily', { hosts: ['api.tavily.com'], auth: bearer, tokens: [token('tvly-', null)] }),
  provider('brave', 'Brave Search', {
    hosts: ['api.search.brave.com'],
    auth: header('X-Subscription-Token'),
    tokens: [token('BSA', null)],
  }),
  provider('browserbase', 'Browserbase', {
    hosts: ['api.browserbase.com'],
    auth: header('X-BB-API-Key'),
    tokens: [token('bb_', null)],
  }),
];
