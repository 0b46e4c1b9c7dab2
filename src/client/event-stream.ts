/**
 * The data of each server-sent event of a response (HTML, section 9.2.6), as it comes; comments and other fields are
 * passed over. Leaving the loop cancels the response.
 */
export async function* serverSentData({ body }: Response): AsyncGenerator<string, void, undefined> {
  if (body === null) return;
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let data: string[] = [];
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
        if (line.startsWith('data:')) data.push(line.slice(line.startsWith('data: ') ? 6 : 5));
        if (line !== '' || data.length === 0) continue;
        yield data.join('\n');
        data = [];
      }
    }
  } finally {
    // Rejects where the stream has failed already, which is told to whoever reads it.
    await reader.cancel().catch(() => undefined);
  }
}
