import Anthropic from '@anthropic-ai/sdk';

const client = new Anthropic({ baseURL: process.env.BASE, maxRetries: 0 });
const message = await client.messages.create({
  model: 'example',
  max_tokens: 16,
  messages: [{ role: 'user', content: 'Hello' }],
});
console.log(message.content[0].text);
