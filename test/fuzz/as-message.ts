import type { HeaderLines } from '../../src/egress/wire/head.ts';
import { trailerLines } from '../../src/egress/wire/trailers.ts';
import { WireError } from '../../src/egress/wire/wire-error.ts';
import { requestStart, responseStart } from './message.ts';
import type { Message } from './message.ts';
import { endsInSwitch } from './our-reader.ts';
import type { OurMessage } from './our-reader.ts';

/** What the proxy read, in the words that it is compared in. */
export function asMessage(message: OurMessage): Message {
  const { head, content, trailers, complete } = message;
  const start =
    'status' in head
      ? responseStart({ status: head.status, minor: head.minorVersion, reason: head.reason })
      : requestStart({ method: head.method, target: head.target, minor: head.minorVersion });
  const lines = trailers === null ? null : trailerLines(trailers);
  if (lines instanceof WireError) throw new Error(`trailers that were accepted are refused: ${lines.reason}`);
  return {
    start,
    fields: fieldsOf(head.lines),
    content,
    trailers: lines === null ? [] : fieldsOf(lines),
    complete,
    keepAlive: head.keepAlive,
    upgrade: endsInSwitch(head),
  };
}

function fieldsOf(lines: HeaderLines): string[] {
  const fields: string[] = [];
  for (let line = 0; line < lines.count; line++) fields.push(lines.name(line), lines.value(line));
  return fields;
}
