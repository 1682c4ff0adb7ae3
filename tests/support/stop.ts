import type { ExecutionContext } from 'ava';
import type { Server } from './server.ts';

/**
 * Stops the servers of a test file, which must still run and end well: one that has crashed on the
 * way is no success, whatever the tests saw. Those that were never started are passed over.
 */
export async function stopsWell(
  t: ExecutionContext<unknown>,
  ...servers: (Server | undefined)[]
): Promise<void> {
  for (const server of servers) {
    if (server !== undefined) t.is(await server.stop(), 0, server.log());
  }
}
