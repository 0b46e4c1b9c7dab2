import { z } from 'zod';
import { openSandbox } from '../allowed.ts';
import { ToolFailure } from '../failure.ts';
import { path, sandboxId } from '../fields.ts';
import { tool } from '../tool.ts';
import type { RegisteredTool } from '../tool.ts';

const defaultBytes = 65_536;
const mostBytes = 1_048_576;

const read = tool({
  name: 'file_read',
  title: 'Read a file',
  description: 'Reads a file of a sandbox, or a part of it: text as it is, anything else as base64.',
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: z.object({
    sandbox_id: sandboxId,
    path,
    offset: z.int().min(0).default(0).describe('Bytes to pass over'),
    max_bytes: z.int().min(1).max(mostBytes).default(defaultBytes),
  }),
  output: z.object({
    path: z.string(),
    encoding: z.enum(['utf-8', 'base64']),
    content: z.string(),
    bytes: z.int(),
    truncated: z.boolean().describe('There is more: read on at offset + bytes'),
  }),
  async run({ sandbox_id: id, path: file, offset, max_bytes: most }, call) {
    const sandbox = await openSandbox(id, call);
    const stream = await sandbox.files.readStream(file, { signal: call.signal });
    const { bytes, more } = await part(stream, { offset, most });
    const text = textOf(bytes);
    return {
      path: file,
      encoding: text === undefined ? ('base64' as const) : ('utf-8' as const),
      content: text ?? Buffer.from(bytes).toString('base64'),
      bytes: bytes.length,
      truncated: more,
    };
  },
  text: ({ encoding, content, truncated }) =>
    `${encoding === 'base64' ? '[base64] ' : ''}${content}${truncated ? '\n[there is more: read on with offset]' : ''}`,
});

const write = tool({
  name: 'file_write',
  title: 'Write a file',
  description:
    'Writes a file of a sandbox and makes its directories; what was there is replaced. Never write a credential into one: bind a secret.',
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  input: z.object({
    sandbox_id: sandboxId,
    path,
    content: z.string().max(mostBytes),
    encoding: z.enum(['utf-8', 'base64']).default('utf-8').describe('What `content` is'),
  }),
  output: z.object({ path: z.string(), bytes: z.int() }),
  async run({ sandbox_id: id, path: file, content, encoding }, call) {
    const bytes = Buffer.from(content, encoding === 'base64' ? 'base64' : 'utf8');
    if (encoding === 'base64' && bytes.toString('base64').replace(/=+$/, '') !== content.replace(/=+$/, '')) {
      throw new ToolFailure('bad_request: content: must be base64, or leave `encoding` out for text');
    }
    const sandbox = await openSandbox(id, call);
    await sandbox.files.write(file, bytes, { signal: call.signal });
    return { path: file, bytes: bytes.length };
  },
});

const list = tool({
  name: 'file_list',
  title: 'List a directory',
  description: 'The entries of a directory of a sandbox, by name.',
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: z.object({ sandbox_id: sandboxId, path, limit: z.int().min(1).max(5000).default(500) }),
  output: z.object({
    entries: z.array(z.object({ name: z.string(), is_dir: z.boolean(), size: z.int(), modified_at: z.string() })),
    truncated: z.boolean(),
  }),
  async run({ sandbox_id: id, path: directory, limit }, call) {
    const sandbox = await openSandbox(id, call);
    const entries = await sandbox.files.list(directory, { signal: call.signal });
    return {
      entries: entries.slice(0, limit).map(({ name, isDir, size, modifiedUnix }) => ({
        name,
        is_dir: isDir,
        size,
        modified_at: new Date(modifiedUnix * 1000).toISOString(),
      })),
      truncated: entries.length > limit,
    };
  },
});

export const fileTools: readonly RegisteredTool[] = [read, write, list];

/** `most` bytes from `offset` on, and whether there are more; what lies beyond is not fetched. */
async function part(
  stream: ReadableStream<Uint8Array>,
  { offset, most }: { offset: number; most: number },
): Promise<{ bytes: Uint8Array; more: boolean }> {
  const chunks: Uint8Array[] = [];
  let skip = offset;
  let room = most;
  for await (const chunk of stream) {
    const wanted = chunk.subarray(Math.min(skip, chunk.length));
    skip -= chunk.length - wanted.length;
    if (wanted.length > room) return { bytes: Buffer.concat([...chunks, wanted.subarray(0, room)]), more: true };
    chunks.push(wanted);
    room -= wanted.length;
  }
  return { bytes: Buffer.concat(chunks), more: false };
}

/** The bytes as text, where they are UTF-8; a character that the end cuts in two counts as text. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: true });
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}
