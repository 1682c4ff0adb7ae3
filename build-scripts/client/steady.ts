import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { UserError } from '../errors.ts';
import { type Endpoint, Unreachable, withClient } from './connection.ts';

const RETRY_MS = 250;
/** A server that refuses something sooner than this refuses it again and again. */
const SHORT_MS = 2_000;

/**
 * Runs `work` with a client, and again with another one whenever the connection is lost, until it
 * returns or `signal` aborts. A server that refuses to begin with, such as a password, is an error.
 *
 * @param onLost Is told why there is no connection any more, or not yet: once, while that is so.
 */
export async function withSteadyClient(
  endpoint: Endpoint,
  signal: AbortSignal,
  work: (client: Redis) => Promise<void>,
  onLost: (error: UserError) => void,
): Promise<void> {
  let isTold = false;
  let wasConnected = false;
  while (!signal.aborted) {
    let connectedAt = Infinity;
    const worked = async (client: Redis): Promise<void> => {
      connectedAt = performance.now();
      wasConnected = true;
      await work(client);
    };
    try {
      await withClient(endpoint, worked, {}, signal);
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof UserError)) throw error;
      if (!wasConnected && !(error instanceof Unreachable)) throw error;
      const lasted = performance.now() - connectedAt;
      const wasWell = lasted > SHORT_MS || (lasted >= 0 && error instanceof Unreachable);
      if (!isTold || wasWell) onLost(error);
      isTold = true;
    }
    await pause(RETRY_MS, signal);
  }
}

/** Waits, or until `signal` aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
