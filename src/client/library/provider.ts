import { connectionOf } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import type { SecretAuthType } from './secret-info.ts';
import { fromWire } from './wire.ts';

/** An entry of the catalogue. */
export interface ProviderShortcut {
  /** What `Secret.create` takes as `provider`. */
  name: string;
  /** For people. */
  display: string;
  authType: SecretAuthType;
  /** The rule in the API's own words. */
  authConfig: Record<string, unknown>;
  hosts: string[];
  /** What its stand-ins begin with and how long they are. */
  tokenShape: string;
}

/** The services whose hosts and rules are known. */
export const Provider = {
  /** The catalogue. */
  async list(options: ConnectionOptions = {}): Promise<ProviderShortcut[]> {
    const connection = connectionOf(options);
    return fromWire(await connection.call('listProviders', connection.limits(options)));
  },
};
