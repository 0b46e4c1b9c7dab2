import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join, normalize } from 'node:path';
import { listenOnLoopback } from './ports.ts';

export interface StaticSite {
  /** Ends with a slash. */
  url: string;
  stop(): Promise<void>;
}

const types: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript',
  css: 'text/css',
  svg: 'image/svg+xml',
  json: 'application/json',
};

/** Serves the files below `folder` at `/docs/` on loopback, and `files` beside it; each with the policy that `policyOf` says. */
export async function serveStatic(
  folder: string,
  { policyOf, files }: { policyOf: (path: string) => string; files: Readonly<Record<string, string>> },
): Promise<StaticSite> {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://site').pathname);
    const file = files[path] ?? join(folder, path.replace(/^\/docs\//, ''));
    readFile(file).then(
      (content) => {
        response.setHeader('Content-Type', types[file.split('.').at(-1) ?? ''] ?? 'application/octet-stream');
        response.setHeader('Content-Security-Policy', policyOf(path));
        response.end(content);
      },
      () => {
        response.statusCode = 404;
        response.end();
      },
    );
  });
  const port = await listenOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}/docs/`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
