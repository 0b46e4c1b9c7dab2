import type { Operation } from '../contract/operation.ts';
import { operations } from '../contract/operations.ts';
import type { Answer } from '../contract/operations.ts';
import type { CallLimits } from './deadline.ts';
import { createSend } from './send.ts';
import type { Body, SendOptions } from './send.ts';
import { refusal, urlOf } from './transport.ts';

interface Access {
  id: string;
  access_token: string;
}

/** What a file is made of: text goes as UTF-8. */
export type FileContent = string | Uint8Array | ArrayBuffer | Blob | ReadableStream<Uint8Array>;

/** Files of a sandbox as streams, in either direction. Paths are absolute. Each throws as every call does. */
export interface FileCalls {
  /** The bytes of a file, as they come. */
  read(sandbox: Access, path: string): Promise<ReadableStream<Uint8Array>>;
  /** All that is below a directory, without links, as a zip. */
  zip(sandbox: Access, path: string): Promise<ReadableStream<Uint8Array>>;
  /** Makes parents; what was there is replaced once all of it has come. */
  write(sandbox: Access, path: string, content: FileContent): Promise<Answer<'uploadFile'>>;
}

/** Makes the request for one file, and resolves with an answer that is a success. */
export type FileRequest = (
  sandbox: Access,
  request: { query: { path: string; format?: 'zip' }; content?: FileContent } & Pick<CallLimits, 'signal'>,
) => Promise<Response>;

/** With `content` the file is written, else read. */
export function createFileRequest(options: SendOptions): FileRequest {
  const send = createSend(options);
  return async ({ id, access_token: token }, { query, content, signal }) => {
    const operation: Operation = content === undefined ? operations.downloadFile : operations.uploadFile;
    const response = await send({
      method: operation.method,
      url: urlOf(options.baseUrl, operation, { query }),
      headers: {
        'x-access-token': token,
        'x-superserve-sandbox-id': id,
        ...(content === undefined ? {} : { 'content-type': 'application/octet-stream' }),
      },
      body: content === undefined ? undefined : bodyOf(content),
      signal,
    });
    if (response.status !== operation.success.status) throw await refusal(response, operation);
    return response;
  };
}

export function fileCalls(options: SendOptions): FileCalls {
  const request = createFileRequest(options);
  return {
    read: async (sandbox, path) => streamOf(await request(sandbox, { query: { path } })),
    zip: async (sandbox, path) => streamOf(await request(sandbox, { query: { path, format: 'zip' } })),
    async write(sandbox, path, content) {
      const response = await request(sandbox, { query: { path }, content });
      return operations.uploadFile.success.schema.parse(await response.json());
    },
  };
}

/** The bytes of an answer as they come; an empty body is an empty stream. */
export function streamOf({ body }: Response): ReadableStream<Uint8Array> {
  return body ?? new ReadableStream({ start: (controller) => controller.close() });
}

/** `fetch` takes no view of shared memory, which the type of a Uint8Array does not rule out. */
function bodyOf(content: FileContent): Body {
  if (!(content instanceof Uint8Array)) return content;
  return isUnshared(content) ? content : new Uint8Array(content);
}

function isUnshared(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer;
}
