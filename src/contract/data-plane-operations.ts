import type { Operation } from './operation.ts';
import { execRequest, execResponse } from './schemas/exec.ts';
import { downloadQuery, filePathQuery, uploadedFile } from './schemas/files.ts';

/** What is done inside a sandbox, by its own access token. */
export const dataPlaneOperations = {
  exec: {
    method: 'POST',
    path: '/exec',
    summary: 'Run a command to its end',
    auth: 'access-token',
    body: execRequest,
    success: { status: 200, schema: execResponse },
    errors: ['conflict', 'unavailable'],
  },
  execStream: {
    method: 'POST',
    path: '/exec/stream',
    summary: 'Run a command, its output as server-sent events',
    auth: 'access-token',
    body: execRequest,
    success: { status: 200, schema: null, mediaType: 'text/event-stream' },
    errors: ['conflict', 'unavailable'],
    streamed: true,
  },
  execConnect: {
    method: 'GET',
    path: '/exec/connect',
    summary: 'Run a command over a WebSocket, with its standard input, signals and terminal',
    auth: 'access-token',
    success: { status: 101, schema: null },
    errors: ['bad_request', 'conflict', 'unavailable'],
    webSocket: true,
  },
  downloadFile: {
    method: 'GET',
    path: '/files',
    summary: 'A file of the sandbox, or a directory as a zip',
    auth: 'access-token',
    query: downloadQuery,
    success: { status: 200, schema: null, mediaType: 'application/octet-stream' },
    errors: ['not_found', 'conflict', 'unavailable'],
    streamed: true,
  },
  uploadFile: {
    method: 'POST',
    path: '/files',
    summary: 'Write a file of the sandbox; parents are made',
    auth: 'access-token',
    query: filePathQuery,
    success: { status: 200, schema: uploadedFile },
    errors: ['conflict', 'unavailable', 'sandbox_storage_full'],
    bytes: true,
    streamed: true,
  },
} as const satisfies Record<string, Operation>;
