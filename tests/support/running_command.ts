// The program `shredder` while it runs, for commands that go on until they are ended.
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
import { PROGRAM } from './command_line.ts';
import { eventually } from './eventually.ts';

export interface RunningCommand {
  /** What it has printed so far on both outputs, as it came. */
  output: () => string;
  /** Waits until that matches, from an offset on; gives the offset behind the match. */
  prints: (pattern: RegExp, from?: number) => Promise<number>;
  /** Sends a signal, and gives the exit code. */
  end: (signal?: NodeJS.Signals) => Promise<number | undefined>;
}

/** Starts `shredder`; it is killed with the test where that has not ended it. */
export function runShredder(
  t: ExecutionContext<unknown>,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): RunningCommand {
  const subprocess = execa(process.execPath, [PROGRAM, ...args], {
    stdin: 'ignore',
    reject: false,
    all: true,
    buffer: false,
    ...options,
    env: { NO_COLOR: '1', ...options.env },
  });
  let output = '';
  subprocess.all.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  let ended: string | undefined;
  void subprocess.then(({ exitCode, signal }) => (ended = `exit ${exitCode ?? signal}`));
  t.teardown(async () => {
    subprocess.kill('SIGKILL');
    await subprocess;
  });
  return {
    output: () => output,
    prints: async (pattern, from = 0) => {
      let match: RegExpExecArray | null = null;
      await eventually(`it prints ${pattern}:\n${output}`, () => {
        match = pattern.exec(output.slice(from));
        if (match === null && ended !== undefined)
          throw new Error(`${ended}, having printed\n${output}`);
        return match !== null;
      });
      t.pass(String(pattern));
      const { index, 0: text } = match!;
      return from + index + text.length;
    },
    end: async (signal = 'SIGINT') => {
      subprocess.kill(signal);
      return (await subprocess).exitCode;
    },
  };
}
