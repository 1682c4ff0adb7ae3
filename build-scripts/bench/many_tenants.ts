// A server with thousands of tenants, for loads.
import { withClient } from '../client/connection.ts';
import type { Server } from '../server/shredderd.ts';
import type { Isolation } from './isolations.ts';

const ADMIN = { name: 'admin', password: 'the password of the admin' };
/** Tenants that are created, or connections that are opened, at a time. */
export const OPENED_AT_ONCE = 256;
/** A usual limit of descriptors is 20,000. */
export const MAX_CONNECTIONS = 19_000;

/** The configuration of a server that can have many tenants; with further lines of `[server]`. */
export function manyTenantsConfig(lines: readonly string[]): string {
  return [
    '[server]',
    `max-clients = ${MAX_CONNECTIONS}`,
    `max-unauthenticated = ${64 * OPENED_AT_ONCE}`,
    ...lines,
    '[[tenant]]',
    `name = "${ADMIN.name}"`,
    `password = "${ADMIN.password}"`,
    'admin = true',
  ].join('\n');
}

/** Name and password of the n-th tenant. */
export function accountOf(n: number): [string, string] {
  return [`tenant-${n}`, `the password of tenant ${n}`];
}

/** Creates so many tenants, of 1 MiB each, through the admin of such a server. */
export async function createTenants(
  server: Server,
  isolation: Isolation,
  tenants: number,
): Promise<void> {
  await withClient(
    { url: server.url, tenant: ADMIN.name, password: ADMIN.password },
    async (client) => {
      for (let from = 0; from < tenants; from += OPENED_AT_ONCE) {
        const pipeline = client.pipeline();
        for (let n = from; n < Math.min(from + OPENED_AT_ONCE, tenants); n++) {
          const [name, password] = accountOf(n);
          pipeline.call(
            'TENANT',
            'CREATE',
            name,
            'PASSWORD',
            password,
            'MEMORY',
            '1mb',
            'ISOLATION',
            isolation,
          );
        }
        for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
      }
    },
  );
}

/** Which shard serves each of the first tenants, as the admin of such a server is told. */
export async function shardsOfTenants(server: Server, tenants: number): Promise<string[]> {
  return await withClient(
    { url: server.url, tenant: ADMIN.name, password: ADMIN.password },
    async (client) => {
      const pipeline = client.pipeline();
      for (let n = 0; n < tenants; n++) pipeline.call('TENANT', 'GET', accountOf(n)[0]);
      return ((await pipeline.exec()) ?? []).map(([error, reply]) => {
        if (error) throw error;
        const fields = reply as unknown[];
        return String(fields[fields.indexOf('shard') + 1]);
      });
    },
  );
}
