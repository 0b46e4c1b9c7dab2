import type { Disagreement } from './compare.ts';
import type { Message } from './message.ts';
import type { NginxReading, NginxRequest } from './nginx-reader.ts';
import type { OurReading } from './our-reader.ts';

/** Fields that nginx's proxy module leaves out or writes anew, whatever the request says. */
const rewritten = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** Where we pass on what nginx refuses, or what it reads as something else. */
export function compareNginx(
  ours: OurReading,
  { messages, nginx }: { messages: readonly Message[]; nginx: NginxReading },
): Disagreement | null {
  for (const [index, message] of messages.entries()) {
    if (!message.complete || message.upgrade) break;
    const request = nginx.requests[index];
    if (request === undefined) {
      const status = nginx.statuses[index] ?? 0;
      return disagree(`nginx refuses: ${status}`, index, message.start);
    }
    const wanted = JSON.stringify(asNginx(message));
    const seen = JSON.stringify({ ...request, fields: kept(request.fields) });
    if (wanted !== seen) return disagree('nginx reads another message', index, `ours ${wanted}, nginx's ${seen}`);
  }
  const whole = messages.length - (messages.at(-1)?.complete === false ? 1 : 0);
  const more = nginx.requests[whole];
  // An HTTP/0.9 request ends with its first line. We wait for the rest of a head, and nothing of it has gone on.
  const isUnread = ours.waiting && whole === messages.length;
  if (ours.state !== 'open' || isUnread || more === undefined) return null;
  return disagree('nginx sees one message more', whole, `${more.method} ${more.target}`);
}

function disagree(kind: string, message: number, detail: string): Disagreement {
  return { kind, message, detail };
}

/** A request in the words of what nginx sends upstream. */
function asNginx({ start, fields, content }: Message): NginxRequest {
  const [method = '', target = ''] = start.split(' ');
  return { method, target: originForm(target), fields: kept(fields), content };
}

/** nginx hands on the path of an absolute target, as RFC 9112 section 3.2.1 has it. */
function originForm(target: string): string {
  const [, rest] = /^https?:\/\/[^/?]*(.*)$/i.exec(target) ?? [];
  if (rest === undefined) return target;
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function kept(fields: readonly string[]): string[] {
  const left: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const [name = '', value = ''] = fields.slice(i, i + 2);
    // Host moves to the front.
    if (name.toLowerCase() === 'host') left.unshift('Host', value);
    else if (!rewritten.has(name.toLowerCase())) left.push(name, value);
  }
  return left;
}
