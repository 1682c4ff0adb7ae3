import type { Command } from 'commander';
import { DEFAULT_TENANT, DEFAULT_URL } from './connection.ts';

/** The options that name a server and a tenant, as `endpointOf` takes them. */
export interface EndpointOptions {
  url?: string;
  tenant?: string;
  password?: string;
}

/**
 * Adds the endpoint's options to a command.
 *
 * @param tenant What the tenant is to the command.
 */
export function withEndpointOptions(command: Command, tenant = 'whose functions'): Command {
  return command
    .option('--tenant <name>', `${tenant} (default: ${DEFAULT_TENANT})`)
    .option('--password <text>', 'its password (default: SHREDDER_PASSWORD of the environment)')
    .option('--url <url>', `the server (default: ${DEFAULT_URL})`);
}
