import { previewQueryParameter } from '../../contract/preview-wire.ts';
import { ValidationError } from '../errors.ts';
import type { CallOptions, Connection } from './connection.ts';
import type { PreviewAccess } from './sandbox-info.ts';
import { fromWire } from './wire.ts';

/** Ports below are refused. */
export const MIN_PREVIEW_PORT = 1024;
/** The last port there is. */
export const MAX_PREVIEW_PORT = 65_535;

/** A published port. */
export interface PreviewPort {
  port: number;
  /** Rises when its tokens are rotated. */
  tokenVersion: number;
  access: PreviewAccess;
}

/** What opens a private port. */
export interface PreviewToken {
  token: string;
  port: number;
  /** The header that it goes in. */
  header: string;
  /** The query parameter that it goes in, for a link. */
  queryParam: string;
  tokenVersion: number;
  access: PreviewAccess;
  previewAccess: PreviewAccess;
  /** Absent: it lasts until the port's tokens are rotated. */
  expiresAt?: Date;
}

/** Ports of a sandbox that can be seen from outside. */
export class Previews {
  readonly #connection: Connection;
  readonly #id: string;

  /** Made by Sandbox. */
  constructor(connection: Connection, id: string) {
    this.#connection = connection;
    this.#id = id;
  }

  /** The published ports. */
  async list(options: CallOptions = {}): Promise<PreviewPort[]> {
    const found = await this.#connection.call('listPreviewPorts', this.#of(options));
    return fromWire(found.ports);
  }

  /** Publishes a port, or changes who may see it. Without `access` it is as the sandbox's `previewAccess` has it. */
  async publish(port: number, options: CallOptions & { access?: PreviewAccess } = {}): Promise<PreviewPort> {
    const body = { port, access: options.access };
    return fromWire(await this.#connection.call('publishPreviewPort', { body, ...this.#of(options) }));
  }

  /** Closes a port; its tokens stop working. */
  async unpublish(port: number, options: CallOptions = {}): Promise<void> {
    await this.#connection.call('unpublishPreviewPort', this.#at(port, options));
  }

  /** A token for a published port. Without `expiresInSeconds` it lasts until the port's tokens are rotated. */
  async token(port: number, options: CallOptions & { expiresInSeconds?: number } = {}): Promise<PreviewToken> {
    const body = { expires_in_seconds: options.expiresInSeconds ?? null };
    return fromWire(await this.#connection.call('createPreviewToken', { body, ...this.#at(port, options) }));
  }

  /** Makes the port's tokens worthless, and a new one. */
  async rotate(port: number, options: CallOptions = {}): Promise<PreviewToken> {
    return fromWire(await this.#connection.call('rotatePreviewToken', this.#at(port, options)));
  }

  /** The address of a port, with a token in it where one is given. Nothing is sent. */
  url(port: number, options: { token?: string } = {}): string {
    const url = new URL(previewUrl(this.#id, this.#connection.domain, port));
    if (options.token === undefined) return url.origin;
    url.searchParams.set(previewQueryParameter, options.token);
    return url.href;
  }

  #of(options: CallOptions) {
    return { params: { id: this.#id }, ...this.#connection.limits(options) };
  }

  #at(port: number, options: CallOptions) {
    return { params: { id: this.#id, port }, ...this.#connection.limits(options) };
  }
}

/** `https://<port>-<id>.<domain>`. Throws ValidationError for a port that cannot be published. Nothing is sent. */
export function previewUrl(sandboxId: string, domain: string, port: number): string {
  if (!Number.isInteger(port) || port < MIN_PREVIEW_PORT || port > MAX_PREVIEW_PORT) {
    const message = `port: must be a whole number from ${MIN_PREVIEW_PORT} to ${MAX_PREVIEW_PORT}`;
    throw new ValidationError(message, { code: 'bad_request', status: 400 });
  }
  return `https://${port}-${sandboxId}.${domain}`;
}
