import type { Operation } from '../contract/operation.ts';
import { operations } from '../contract/operations.ts';
import type { Answer } from '../contract/operations.ts';
import { ConnectionError } from './errors.ts';
import { refusal } from './transport.ts';
import type { ClientOptions } from './transport.ts';

interface Access {
  id: string;
  access_token: string;
}

/** Files of a sandbox as streams, in either direction. Paths are absolute. Each throws as every call does. */
export interface FileCalls {
  /** The bytes of a file, as they come. */
  read(sandbox: Access, path: string): Promise<ReadableStream<Uint8Array>>;
  /** All that is below a directory, without links, as a zip. */
  zip(sandbox: Access, path: string): Promise<ReadableStream<Uint8Array>>;
  /** Makes parents; what was there is replaced once all of it has come. */
  write(
    sandbox: Access,
    path: string,
    content: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
  ): Promise<Answer<'uploadFile'>>;
}

export function fileCalls(options: ClientOptions): FileCalls {
  const send = options.fetch ?? fetch;

  async function call(
    { id, access_token: token }: Access,
    query: Record<string, string>,
    init: RequestInit,
  ): Promise<Response> {
    const operation: Operation = init.method === 'POST' ? operations.uploadFile : operations.downloadFile;
    const url = `${options.baseUrl.replace(/\/+$/, '')}/files?${new URLSearchParams(query).toString()}`;
    const headers = {
      'x-access-token': token,
      'x-superserve-sandbox-id': id,
      'content-type': 'application/octet-stream',
    };
    let response: Response;
    try {
      response = await send(url, { ...init, headers, redirect: 'error' });
    } catch (cause) {
      throw new ConnectionError(`no server answers at ${options.baseUrl}`, { baseUrl: options.baseUrl, cause });
    }
    if (response.status !== operation.success.status) throw await refusal(response, operation);
    return response;
  }

  async function stream(sandbox: Access, query: Record<string, string>): Promise<ReadableStream<Uint8Array>> {
    const { body } = await call(sandbox, query, { method: 'GET' });
    return body ?? new ReadableStream({ start: (controller) => controller.close() });
  }

  return {
    read: (sandbox, path) => stream(sandbox, { path }),
    zip: (sandbox, path) => stream(sandbox, { path, format: 'zip' }),
    async write(sandbox, path, content) {
      const init: RequestInit & { duplex: 'half' } = { method: 'POST', body: content, duplex: 'half' };
      const response = await call(sandbox, { path }, init);
      return operations.uploadFile.success.schema.parse(await response.json());
    },
  };
}
