// Works as a coding agent does: asks the model what to do, runs it in a shell, tells what came of it. Day's end is its own.
import { execFile } from 'node:child_process';
import { appendFileSync, writeFileSync } from 'node:fs';
import Anthropic from '@anthropic-ai/sdk';

const home = process.env.HOME;
const client = new Anthropic({ maxRetries: 0 });
const tools = [
  {
    name: 'bash',
    description: 'Runs a command',
    input_schema: { type: 'object', properties: { command: { type: 'string' } } },
  },
];

const run = (command) =>
  new Promise((resolve) => {
    execFile('/bin/bash', ['-c', command], (error, stdout, stderr) =>
      resolve(`${stdout}${stderr}${error ? `exit code ${error.code}\n` : ''}`),
    );
  });

async function job(number) {
  const messages = [{ role: 'user', content: `Job ${number}` }];
  for (;;) {
    const stream = client.messages.stream({ model: 'example', max_tokens: 1024, tools, messages });
    stream.on('text', (text) => appendFileSync(`${home}/claude.log`, text));
    const { content, stop_reason: reason } = await stream.finalMessage();
    messages.push({ role: 'assistant', content });
    if (reason !== 'tool_use') return content.map(({ text }) => text ?? '').join('');
    const results = [];
    for (const { type, id, input } of content) {
      if (type !== 'tool_use') continue;
      results.push({ type: 'tool_result', tool_use_id: id, content: await run(input.command) });
    }
    messages.push({ role: 'user', content: results });
  }
}

try {
  for (let number = 1; !(await job(number)).includes('That is all for today.'); number++);
  writeFileSync(`${home}/claude.end`, 'ended well');
} catch (error) {
  writeFileSync(`${home}/claude.end`, String(error?.stack ?? error));
}
