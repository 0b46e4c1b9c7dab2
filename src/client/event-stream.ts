/** One server-sent event. */
export interface ServerSentEvent {
  /** `message` where the server names none. */
  event: string;
  /** The last one that was named, by this event or before it; empty where none was. */
  id: string;
  data: string;
}

/**
 * The server-sent events of a response (HTML, section 9.2.6), as they come; comments are passed over. Leaving the loop cancels
 * the response.
 */
export async function* serverSentEvents({ body }: Response): AsyncGenerator<ServerSentEvent, void, undefined> {
  if (body === null) return;
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new Parser();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      // A line ends with LF, CR or CR LF; a CR at the end of a piece may have its LF in the next.
      const text = rest + decoder.decode(value, { stream: true });
      const whole = text.endsWith('\r') ? text.slice(0, -1) : text;
      const lines = whole.split(/\r\n|\n|\r/);
      rest = (lines.pop() ?? '') + text.slice(whole.length);
      for (const line of lines) {
        const event = parser.take(line);
        if (event !== undefined) yield event;
      }
    }
  } finally {
    // Rejects where the stream has failed already, which is told to whoever reads it.
    await reader.cancel().catch(() => undefined);
  }
}

/** Lines in, events out. */
class Parser {
  #event = '';
  #id = '';
  #data: string[] = [];

  take(line: string): ServerSentEvent | undefined {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') this.#data.push(value);
    else if (name === 'event') this.#event = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    return undefined;
  }

  #dispatch(): ServerSentEvent | undefined {
    const event = { event: this.#event === '' ? 'message' : this.#event, id: this.#id, data: this.#data.join('\n') };
    const any = this.#data.length > 0;
    this.#event = '';
    this.#data = [];
    return any ? event : undefined;
  }
}
