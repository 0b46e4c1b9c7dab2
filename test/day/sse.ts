import type { Turn } from './model.ts';

/** An event of a stream, as bytes; the pieces of one are sent one after the other. */
export type EventPieces = string[];

/** Where `text` has the credential the event is cut in two there, so that it comes in two reads. */
function cut(event: string, credential: string): EventPieces {
  const at = event.indexOf(credential);
  return at === -1 ? [event] : [event.slice(0, at + 9), event.slice(at + 9)];
}

/** The answer to `POST /v1/messages` with `stream: true`, event by event. */
export function* anthropicEvents(turn: Turn, credential: string): Generator<EventPieces> {
  const event = (data: { type: string; [field: string]: unknown }): EventPieces =>
    cut(`event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`, credential);
  const usage = { input_tokens: 1, output_tokens: 1 };
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'example', content: [], usage };
  yield event({ type: 'message_start', message: { ...message, stop_reason: null, stop_sequence: null } });
  yield event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } });
  for (const text of [...words(turn.says), `You are ${credential}.\n`]) {
    yield event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } });
  }
  yield event({ type: 'content_block_stop', index: 0 });
  if (turn.command !== null) {
    const block = { type: 'tool_use', id: 'toolu_1', name: 'bash', input: {} };
    yield event({ type: 'content_block_start', index: 1, content_block: block });
    for (const part of thirds(JSON.stringify({ command: turn.command }))) {
      yield event({ type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: part } });
    }
    yield event({ type: 'content_block_stop', index: 1 });
  }
  const reason = turn.command === null ? 'end_turn' : 'tool_use';
  yield event({ type: 'message_delta', delta: { stop_reason: reason, stop_sequence: null }, usage });
  yield event({ type: 'message_stop' });
}

/** The answer to `POST /v1/chat/completions` with `stream: true`, event by event. */
export function* openaiEvents(turn: Turn, credential: string): Generator<EventPieces> {
  const event = (delta: object, reason: string | null = null): EventPieces => {
    const choices = [{ index: 0, delta, finish_reason: reason }];
    const chunk = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'example', choices };
    return cut(`data: ${JSON.stringify(chunk)}\n\n`, credential);
  };
  yield event({ role: 'assistant', content: '' });
  for (const content of [...words(turn.says), `You are ${credential}.\n`]) yield event({ content });
  if (turn.command !== null) {
    const call = { index: 0, id: 'call_1', type: 'function', function: { name: 'shell', arguments: '' } };
    yield event({ tool_calls: [call] });
    for (const part of thirds(JSON.stringify({ command: turn.command }))) {
      yield event({ tool_calls: [{ index: 0, function: { arguments: part } }] });
    }
  }
  yield event({}, turn.command === null ? 'stop' : 'tool_calls');
  yield ['data: [DONE]\n\n'];
}

function words(text: string): string[] {
  return text.split(/(?<= )/);
}

function thirds(text: string): string[] {
  const size = Math.ceil(text.length / 3);
  return [0, 1, 2].map((each) => text.slice(each * size, (each + 1) * size));
}
