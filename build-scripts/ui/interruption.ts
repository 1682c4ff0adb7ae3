import { hasCode } from '../errors.ts';

/** A shell's way to say that Ctrl-C ended a program. */
const BY_SIGINT = 130;

/**
 * Runs work that goes on until it is interrupted: by SIGINT, SIGTERM, or by whoever read its output and
 * has gone. That is its regular end.
 */
export async function untilInterrupted(
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const end = (): void => {
    // Who asks twice does not want to wait.
    if (controller.signal.aborted) process.exit(BY_SIGINT);
    controller.abort();
  };
  const onError = (error: Error): void => {
    if (hasCode(error, 'EPIPE')) controller.abort();
  };
  process.on('SIGINT', end).on('SIGTERM', end);
  process.stdout.on('error', onError);
  try {
    await work(controller.signal);
  } finally {
    process.off('SIGINT', end).off('SIGTERM', end);
    process.stdout.off('error', onError);
  }
}
