import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { hasCode, UserError } from '../errors.ts';

const FORWARDED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const;

/**
 * Runs a program in place of this one: it has the terminal and gets the signals.
 *
 * @returns the exit code; as shells have it where a signal ended the program.
 */
export async function runInForeground(file: string, args: readonly string[]): Promise<number> {
  const subprocess = spawn(file, args, { stdio: 'inherit' });
  const forward = (signal: NodeJS.Signals): void => {
    subprocess.kill(signal);
  };
  for (const signal of FORWARDED_SIGNALS) process.on(signal, forward);
  try {
    const [code, signal] = (await once(subprocess, 'exit')) as [number | null, NodeJS.Signals];
    return code ?? 128 + constants.signals[signal];
  } catch (error) {
    if (hasCode(error, 'ENOENT')) throw new UserError(`${file} does not exist`);
    if (hasCode(error, 'EACCES')) throw new UserError(`${file} cannot be run: permission denied`);
    throw error;
  } finally {
    for (const signal of FORWARDED_SIGNALS) process.off(signal, forward);
  }
}
