// The program `shredder` itself, as one types it.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { PATIENCE_MS } from './patience.ts';

export const PROGRAM = fileURLToPath(
  new URL('../../build-scripts/bin/shredder.js', import.meta.url),
);

/** The checkout's root. */
export const CHECKOUT = path.resolve(path.dirname(PROGRAM), '..', '..');

export interface CommandResult {
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
}

/** Runs `shredder` to its end. */
export async function shredder(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<CommandResult> {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [PROGRAM, ...args], {
    stdin: 'ignore',
    reject: false,
    timeout: PATIENCE_MS,
    ...options,
    env: { NO_COLOR: '1', ...options.env },
  });
  return { exitCode, stdout, stderr };
}
