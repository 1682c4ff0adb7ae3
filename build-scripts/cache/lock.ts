import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { messageOf, UserError } from '../errors.ts';
import { asStdin } from '../system/command.ts';

export interface Lock {
  /** A command that has this descriptor as its standard input keeps the lock until it, too, has ended. */
  readonly fd: number;
  release: () => void;
}

/**
 * Takes an exclusive lock on a file, waiting for whoever holds it.
 *
 * The lock is the kernel's (flock on an open file, taken for us by util-linux's `flock` on a
 * descriptor that it inherits). It goes when its last holder ends, however that ends: there is no
 * stale lock to detect. The file holds its owner's process id, only to say whom one waits for.
 */
export async function acquireLock(
  file: string,
  onWait: (owner: string) => void = () => undefined,
): Promise<Lock> {
  await mkdir(path.dirname(file), { recursive: true });
  let fd: number;
  try {
    fd = openSync(file, 'a+');
  } catch (error) {
    throw new UserError(`cannot open the lock file ${file}: ${messageOf(error)}`);
  }
  try {
    if (!(await flock(fd, ['--nonblock']))) {
      onWait(readFileSync(file, 'utf8').trim() || 'another process');
      if (!(await flock(fd, []))) throw new UserError(`cannot lock ${file}`);
    }
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  ftruncateSync(fd);
  writeSync(fd, `process ${process.pid}\n`);
  return { fd, release: () => closeSync(fd) };
}

/** Runs `work` under the lock. */
export async function withLock<T>(
  file: string,
  onWait: (owner: string) => void,
  work: (lock: Lock) => Promise<T>,
): Promise<T> {
  const lock = await acquireLock(file, onWait);
  try {
    return await work(lock);
  } finally {
    lock.release();
  }
}

async function flock(fd: number, options: readonly string[]): Promise<boolean> {
  const result = await execa('flock', ['--exclusive', ...options, '0'], {
    stdin: asStdin(fd),
    stdout: 'ignore',
    reject: false,
  });
  if (result.exitCode === 0) return true;
  if (result.exitCode === 1 && options.includes('--nonblock')) return false;
  throw new UserError(
    `flock failed: ${result.stderr || result.shortMessage || 'unknown reason'}`,
    'Install util-linux, which has the flock command.',
  );
}
