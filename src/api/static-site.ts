import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { extname, join } from 'node:path';

/** A file of a site, as it was when the server started. */
interface StaticFile {
  path: string;
  type: string;
  etag: string;
  /** Its forms that were compressed when it was built. */
  encodings: ReadonlyMap<'br' | 'gzip', string>;
  /** Hashes of the scripts that stand in a page, as its policy names them. */
  inlineScripts: readonly string[];
}

export interface StaticAnswer {
  status: number;
  headers: Record<string, string>;
  body: Buffer | string;
}

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
  '.md': 'text/markdown; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
};

/**
 * Built files of a directory, under a prefix (`/`, or `/docs/`). What is not in the list that was made at the start is not
 * served, so no path leads out of it. Files below `assets/` have a hash in their names and never change.
 */
export class StaticSite {
  readonly #prefix: string;
  readonly #files = new Map<string, StaticFile>();
  /** Unknown paths are pages of `index.html`, which finds its way by itself. */
  readonly #singlePage: boolean;
  /** Pages whose library writes style elements. */
  readonly #stylesInline: ReadonlySet<string>;

  constructor(directory: string, options: { prefix: string; singlePage: boolean; stylesInline?: ReadonlySet<string> }) {
    this.#prefix = options.prefix;
    this.#singlePage = options.singlePage;
    this.#stylesInline = options.stylesInline ?? new Set();
    const names = namesIn(directory);
    const all = new Set(names);
    for (const name of names) {
      if (/\.(?:br|gz)$/.test(name) && all.has(name.replace(/\.(?:br|gz)$/, ''))) continue;
      this.#files.set(name, fileOf(directory, name, all));
    }
  }

  /** False: it was not built. */
  get isThere(): boolean {
    return this.#files.has('index.html');
  }

  /** Null: nothing of this site is there. */
  async answer(request: IncomingMessage, path: string): Promise<StaticAnswer | null> {
    const found = this.#find(request, path);
    if (found === null) return null;
    if (typeof found === 'string') return { status: 308, headers: { location: found }, body: '' };
    const { name, file } = found;
    const immutable = name.startsWith('assets/');
    const headers: Record<string, string> = {
      'content-type': file.type,
      'cache-control': immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
      etag: file.etag,
      vary: 'Accept-Encoding',
      ...pageHeaders(request, { scripts: file.inlineScripts, stylesInline: this.#stylesInline.has(name) }),
    };
    if (request.headers['if-none-match'] === file.etag) return { status: 304, headers, body: '' };
    const encoding = encodingFor(request, file);
    if (encoding !== null) headers['content-encoding'] = encoding;
    const source = encoding === null ? file.path : (file.encodings.get(encoding) ?? file.path);
    return { status: 200, headers, body: await readFile(source) };
  }

  #find(request: IncomingMessage, path: string): { name: string; file: StaticFile } | string | null {
    if (`${path}/` === this.#prefix) return this.#prefix;
    if (!path.startsWith(this.#prefix)) return null;
    const rest = decoded(path.slice(this.#prefix.length));
    for (const name of rest === '' || rest.endsWith('/') ? [`${rest}index.html`] : [rest, `${rest}.html`]) {
      const file = this.#files.get(name);
      if (file !== undefined) return { name, file };
    }
    if (!rest.endsWith('/') && this.#files.has(`${rest}/index.html`)) return `${this.#prefix}${rest}/`;
    const index = this.#singlePage && isNavigation(request) ? this.#files.get('index.html') : undefined;
    return index === undefined ? null : { name: 'index.html', file: index };
  }
}

/** Whether a browser wants a page to show, rather than something for one. */
export function isNavigation({ method, headers }: IncomingMessage): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  const destination = headers['sec-fetch-dest'];
  return headers.accept?.includes('text/html') === true && (destination === undefined || destination === 'document');
}

/** What every page of ours is sent with. `connect-src` names our WebSockets, which `'self'` does not cover everywhere. */
export function pageHeaders(
  { headers }: IncomingMessage,
  allowed: { scripts: readonly string[]; stylesInline: boolean } = { scripts: [], stylesInline: false },
): Record<string, string> {
  const host = /^[A-Za-z0-9.:[\]-]{1,255}$/.test(headers.host ?? '') ? headers.host : null;
  const sockets = host === null || host === undefined ? '' : ` ws://${host} wss://${host}`;
  const scripts = ["'self'", ...allowed.scripts].join(' ');
  return {
    'content-security-policy': [
      "default-src 'none'",
      `script-src ${scripts}`,
      `style-src 'self'${allowed.stylesInline ? " 'unsafe-inline'" : ''}`,
      "img-src 'self' data:",
      `connect-src 'self'${sockets}`,
      "font-src 'self'",
      "manifest-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "form-action 'self'",
    ].join('; '),
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
  };
}

/** Where the console was not built: says so, and how. */
export function unbuiltPage(request: IncomingMessage): StaticAnswer {
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Standin</title>
<h1>Standin is running</h1><p>The console was not built here. In the source directory run <code>npm run build:console</code> and start the server again, or use the command line: <code>standin --help</code>.</p></html>\n`;
  return { status: 404, headers: { 'content-type': 'text/html; charset=utf-8', ...pageHeaders(request) }, body };
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .map((name) => name.replaceAll('\\', '/'))
      .filter((name) => statSync(join(directory, name)).isFile());
  } catch {
    return [];
  }
}

function fileOf(directory: string, name: string, all: ReadonlySet<string>): StaticFile {
  const path = join(directory, name);
  const content = readFileSync(path);
  const extension = extname(name);
  const encodings = new Map<'br' | 'gzip', string>();
  if (all.has(`${name}.br`)) encodings.set('br', `${path}.br`);
  if (all.has(`${name}.gz`)) encodings.set('gzip', `${path}.gz`);
  return {
    path,
    type: types[extension] ?? 'application/octet-stream',
    etag: `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`,
    encodings,
    inlineScripts: extension === '.html' ? inlineScripts(content.toString('utf8')) : [],
  };
}

function inlineScripts(html: string): string[] {
  const scripts = [...html.matchAll(/<script(?![^>]*\bsrc=)[^>]*>([^]*?)<\/script>/gi)];
  return scripts.map(([, text = '']) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`);
}

function encodingFor(request: IncomingMessage, { encodings }: StaticFile): 'br' | 'gzip' | null {
  const parts = (request.headers['accept-encoding'] ?? '').split(',').map((each) => each.trim());
  const accepted = new Set(parts.filter((each) => !/;\s*q=0(?:\.0*)?$/.test(each)).map((each) => each.split(';')[0]));
  return (['br', 'gzip'] as const).find((each) => encodings.has(each) && accepted.has(each)) ?? null;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return '';
  }
}
