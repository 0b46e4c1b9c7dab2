import { z } from 'zod';
import type { Agent } from './model.ts';

/** What an agent tells its model. */
export interface Conversation {
  job: number;
  /** How many answers it has had in this job. */
  answered: number;
  /** Of the command that it ran last; empty where it ran none. */
  output: string;
}

const block = z.object({ type: z.string(), text: z.string().optional(), content: z.string().optional() });
const message = z.object({ role: z.string(), content: z.union([z.string(), z.array(block)]).nullish() });
const request = z.object({ stream: z.literal(true), messages: z.array(message) });

/** Reads the body of a request for an answer as a stream. Throws where it is none. */
export function readConversation(agent: Agent, body: string): Conversation {
  const { messages } = request.parse(JSON.parse(body));
  const texts = messages.map(({ content }) =>
    typeof content === 'string' ? content : (content ?? []).map((each) => each.content ?? each.text ?? '').join('\n'),
  );
  const [, job] = /^Job (\d+)$/.exec(texts[0] ?? '') ?? [];
  if (job === undefined) throw new Error(`${agent} did not say which job it does`);
  const answered = messages.filter(({ role }) => role === 'assistant').length;
  return { job: Number(job), answered, output: answered === 0 ? '' : (texts.at(-1) ?? '') };
}
