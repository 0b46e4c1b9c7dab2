import { Option } from 'commander';
import type { Command } from 'commander';
import type { Client } from '../client/client.ts';
import { lists } from './command.ts';

type Network = NonNullable<Parameters<Client['sandboxes']['create']>[0]['network']>;

/** What the options of `addNetworkOptions` say. */
export interface NetworkOptions {
  allowOut?: string[];
  denyOut?: string[];
  intercept?: Network['intercept'];
  tunnelOut?: string[];
}

/** Adds the options for what a sandbox may reach, and what of it the proxy opens. */
export function addNetworkOptions(command: Command): Command {
  return command
    .addOption(lists('--allow-out <hosts>', 'CIDRs, domains or *.domains it may reach; without it any public address'))
    .addOption(lists('--deny-out <cidrs>', 'CIDRs it may not reach'))
    .addOption(
      new Option(
        '--intercept <which>',
        'which TLS the proxy opens: all, or only that to the hosts of its secrets; without it all',
      ).choices(['all', 'bound']),
    )
    .addOption(
      lists('--tunnel-out <hosts>', 'domains or *.domains whose TLS is never opened, for pinned certificates'),
    );
}

/** `network` of a request; what was not said is not in it, and undefined where nothing was. */
export function networkOf({ allowOut, denyOut, intercept, tunnelOut }: NetworkOptions): Network | undefined {
  if ([allowOut, denyOut, intercept, tunnelOut].every((each) => each === undefined)) return undefined;
  return { allow_out: allowOut, deny_out: denyOut, intercept, tunnel_out: tunnelOut };
}
