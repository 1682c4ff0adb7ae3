// Frames that only who wants no connection sends, from the interface of the kernel's that leads to a server.
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
import type { Server } from './server.ts';

const PROGRAM = fileURLToPath(new URL('./syn_flood.py', import.meta.url));

export interface Flood {
  count: number;
  perSecond: number;
}

export interface RunningFlood {
  /** Whether all has been sent. */
  hasEnded: () => boolean;
  /** Resolves then. */
  ended: Promise<void>;
}

/** Begins to send SYNs from made-up addresses, which nobody follows by an ACK, to a server over AF_XDP. */
export function startSynFlood(
  t: ExecutionContext,
  { host, port }: Server,
  { count, perSecond }: Flood,
): RunningFlood {
  const flood = execa('python3', [PROGRAM, host, ...[port, count, perSecond].map(String)], {
    stdin: 'ignore',
  });
  t.teardown(() => flood.kill('SIGKILL'));
  let hasEnded = false;
  const ended = flood.then(
    () => {
      hasEnded = true;
    },
    (error: unknown) => {
      hasEnded = true;
      throw error;
    },
  );
  // Whoever waits for it is told.
  ended.catch(() => undefined);
  return { hasEnded: () => hasEnded, ended };
}
