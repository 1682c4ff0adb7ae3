import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { UserError } from '../errors.ts';

/** A program that answers each line of its standard input with one of its standard output. */
export interface Responder {
  pid: number | undefined;
  /** The next line that it prints, without a request. */
  next: () => Promise<string>;
  ask: (request: string) => Promise<string>;
  stop: () => Promise<void>;
}

const STOP_TIMEOUT_MS = 5_000;
const MAX_LOG_BYTES = 64 * 1024;
/** Last lines of what it printed that an error has. */
const SHOWN_LINES = 3;

/** Starts such a program; it ends when its standard input does. */
export function startResponder(
  file: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Responder {
  const subprocess = execa(file, args, {
    env,
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
    buffer: false,
    reject: false,
    forceKillAfterDelay: STOP_TIMEOUT_MS,
  });
  let log = '';
  subprocess.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-MAX_LOG_BYTES);
  });
  // A request to a program that has ended fails by the answer that does not come.
  subprocess.stdin.on('error', () => {});
  const lines = createInterface({ input: subprocess.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done !== true) return value;
    const { shortMessage } = await subprocess;
    const reason = log.trim().split('\n').slice(-SHOWN_LINES).join('; ');
    throw new UserError(`${file} ended: ${reason || (shortMessage ?? 'it printed no reason')}`);
  };
  return {
    pid: subprocess.pid,
    next,
    ask: async (request) => {
      subprocess.stdin.write(`${request}\n`);
      return await next();
    },
    stop: async () => {
      subprocess.stdin.end();
      const forced = setTimeout(() => subprocess.kill('SIGTERM'), STOP_TIMEOUT_MS);
      await subprocess;
      clearTimeout(forced);
    },
  };
}
