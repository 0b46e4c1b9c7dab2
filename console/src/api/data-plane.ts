import { addressOf, send } from './call.ts';

/** What the data plane wants to know of a sandbox. */
export interface Access {
  id: string;
  access_token: string;
}

/** Fetches a file, or a directory as a zip, and hands it to the browser to save. Throws Failure. */
export async function download(sandbox: Access, path: string, asZip: boolean): Promise<void> {
  const query = asZip ? { path, format: 'zip' } : { path };
  const response = await send('GET', addressOf('/files', { query }), { headers: headersOf(sandbox) });
  const address = URL.createObjectURL(await response.blob());
  const anchor = document.createElement('a');
  anchor.href = address;
  anchor.download = `${path.split('/').findLast(Boolean) ?? 'root'}${asZip ? '.zip' : ''}`;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Writes a file of the sandbox. Throws Failure. */
export async function upload(sandbox: Access, path: string, content: Blob): Promise<void> {
  const headers = { ...headersOf(sandbox), 'content-type': 'application/octet-stream' };
  await send('POST', addressOf('/files', { query: { path } }), { headers, body: content });
}

function headersOf({ id, access_token: token }: Access): Record<string, string> {
  return { 'x-access-token': token, 'x-superserve-sandbox-id': id };
}
