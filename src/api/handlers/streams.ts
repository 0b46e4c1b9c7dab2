import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { defaultTimeoutSeconds } from '../../contract/schemas/exec.ts';
import { StandinError } from '../../errors.ts';
import type { Vault } from '../../vault/types.ts';
import type { Exchange, StreamHandlers } from '../handler.ts';
import { sendEvents } from '../exec-events.ts';
import { attachment } from '../attachment.ts';
import { zipOf } from '../zip.ts';
import type { Files } from '../zip.ts';

/** How long an upload may stand still, in milliseconds. */
const uploadIdleMs = 60_000;

/** Answers that go out as they are made. What fails after their beginning ends the connection, so that none looks whole. */
export function streamHandlers({
  sandboxes,
}: Vault): Pick<StreamHandlers, 'execStream' | 'downloadFile' | 'uploadFile'> {
  return {
    async execStream({ access, body, signal }, exchange) {
      const session = await sandboxes.exec(access.sandboxId, access.accessToken, {
        command: body.command,
        ...(body.args === undefined ? {} : { args: body.args }),
        ...(body.env === undefined ? {} : { env: body.env }),
        ...(body.working_dir === undefined ? {} : { workingDir: body.working_dir }),
      });
      session.stdin.on('error', () => undefined).end();
      await sendEvents(session, { timeoutSeconds: body.timeout_s ?? defaultTimeoutSeconds, signal, exchange });
    },

    async downloadFile({ access, query }, exchange) {
      const files = await sandboxes.files(access.sandboxId, access.accessToken);
      const found = query.format === 'zip' ? await directoryOrFile(files, query.path) : await files.read(query.path);
      if (found instanceof Readable) {
        await send(found, exchange, attachment(`${nameOf(query.path) || 'root'}.zip`, 'application/zip'));
        return;
      }
      const { size, content } = found;
      await send(content, exchange, {
        ...attachment(nameOf(query.path), 'application/octet-stream'),
        ...(size === null ? {} : { 'content-length': String(size) }),
      });
    },

    async uploadFile({ access, query }, exchange) {
      const files = await sandboxes.files(access.sandboxId, access.accessToken);
      const { request } = exchange;
      const idle = () => void request.destroy(new Error('the upload stood still'));
      request.socket.setTimeout(uploadIdleMs, idle);
      try {
        const { size } = await files.write(query.path, request);
        const answer = JSON.stringify({ path: query.path, size });
        exchange.begin(200, { 'content-type': 'application/json' }).end(answer);
      } catch (error) {
        throw request.destroyed && !request.complete ? new StandinError('bad_request', 'the upload broke off') : error;
      } finally {
        request.socket.setTimeout(0, idle);
      }
    },
  };
}

/** Rejects where the client went, or `content` failed; that is over then too. */
async function send(content: Readable, exchange: Exchange, headers: Record<string, string>): Promise<void> {
  try {
    await pipeline(content, exchange.begin(200, headers));
  } finally {
    content.destroy();
  }
}

/** A zip of a directory; what is a file is read as it is, since clients that ask for a zip need not know which it is. */
async function directoryOrFile(files: Files, path: string): Promise<Readable | Awaited<ReturnType<Files['read']>>> {
  try {
    return await zipOf(files, { path, top: nameOf(path) });
  } catch (error) {
    if (!(error instanceof StandinError && error.code === 'bad_request')) throw error;
    return await files.read(path).catch(() => Promise.reject(error));
  }
}

/** The last part; empty for the root. */
function nameOf(path: string): string {
  return path.split('/').findLast((part) => part !== '') ?? '';
}
