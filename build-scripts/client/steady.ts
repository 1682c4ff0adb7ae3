import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { type Endpoint, Unreachable, withClient } from './connection.ts';

const RETRY_MS = 250;

/**
 * Runs `work` with a client, and again with another one whenever the connection is lost, until it
 * returns or `signal` aborts. Other errors are thrown.
 *
 * @param onLost Is told once each time there is no server any more, or not yet.
 */
export async function withSteadyClient(
  endpoint: Endpoint,
  signal: AbortSignal,
  work: (client: Redis) => Promise<void>,
  onLost: (error: Unreachable) => void,
): Promise<void> {
  let isLost = false;
  while (!signal.aborted) {
    try {
      await withClient(endpoint, async (client) => {
        isLost = false;
        const end = (): void => client.disconnect();
        signal.addEventListener('abort', end, { once: true });
        try {
          await work(client);
        } finally {
          signal.removeEventListener('abort', end);
        }
      });
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Unreachable)) throw error;
      if (!isLost) onLost(error);
      isLost = true;
    }
    await pause(RETRY_MS, signal);
  }
}

/** Waits, or until `signal` aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
