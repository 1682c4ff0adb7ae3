import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { UserError } from '../errors.ts';
import { quoteForShell } from './shell.ts';

/** Lines of a failed command's output that are shown; the log has them all. */
const SHOWN_LINES = 40;

export interface CommandOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** Exit codes besides 0 that are not failures. */
  accept?: readonly number[];
  /** File that gets the command and its whole output, appended. */
  log?: string;
  /** Called with each line of output as it appears. */
  onLine?: (line: string) => void;
  /** Rewrites each line before it is logged, shown or passed on. */
  mapLine?: (line: string) => string;
  /** File descriptor that becomes the command's standard input; a lock's, say. */
  stdin?: number;
}

export interface CommandResult {
  exitCode: number;
  /** Standard output and standard error, interleaved. */
  output: string;
}

/** A command that failed: its message has the command, the folder, the last output and the log. */
export class CommandError extends UserError {
  constructor(
    readonly command: string,
    readonly exitCode: number | undefined,
    readonly output: string,
    cwd: string,
    log: string | undefined,
    reason: string,
  ) {
    const shown = lastLines(output);
    super(
      [
        `${reason}: ${command}`,
        `  in ${cwd}`,
        ...(shown.length > 0 ? ['', ...shown.map((line) => `  ${line}`), ''] : []),
        ...(log === undefined ? [] : [`  full log: ${log}`]),
      ].join('\n'),
    );
    this.name = 'CommandError';
  }
}

/** Runs a command to its end; throws CommandError unless it exits with 0 or an accepted code. */
export async function run(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const cwd = options.cwd ?? process.cwd();
  const command = [file, ...args].map(quoteForShell).join(' ');
  const lines: string[] = [];
  if (options.log !== undefined) await mkdir(path.dirname(options.log), { recursive: true });
  const log =
    options.log === undefined ? undefined : createWriteStream(options.log, { flags: 'a' });
  let logError: Error | undefined;
  log?.on('error', (error) => {
    logError = error;
  });
  log?.write(`$ cd ${quoteForShell(cwd)}\n$ ${command}\n`);

  const subprocess = execa(file, args, {
    cwd,
    env: options.env ?? {},
    all: true,
    buffer: false,
    reject: false,
    stdin: options.stdin === undefined ? 'ignore' : asStdin(options.stdin),
  });
  for await (const raw of subprocess.iterable({ from: 'all' })) {
    const line = options.mapLine === undefined ? raw : options.mapLine(raw);
    lines.push(line);
    log?.write(`${line}\n`);
    options.onLine?.(line);
  }
  const result = await subprocess;
  if (log !== undefined) await new Promise<void>((resolve) => log.end(() => resolve()));
  if (logError !== undefined) {
    throw new UserError(`cannot write the log ${options.log}: ${logError.message}`);
  }

  const output = lines.join('\n');
  if (result.exitCode === undefined) {
    const reason =
      result.code === 'ENOENT'
        ? `command not found`
        : result.signal === undefined
          ? `command could not run (${result.shortMessage ?? 'unknown reason'})`
          : `command ended by ${result.signal}`;
    throw new CommandError(command, undefined, output, cwd, options.log, reason);
  }
  if (result.exitCode !== 0 && !(options.accept ?? []).includes(result.exitCode)) {
    const reason = `command failed with exit code ${result.exitCode}`;
    throw new CommandError(command, result.exitCode, output, cwd, options.log, reason);
  }
  return { exitCode: result.exitCode, output };
}

/** Standard output of a command that is expected to succeed, without its last newline. */
export async function capture(
  file: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; input?: string } = {},
): Promise<string> {
  const result = await execa(file, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: options.env ?? {},
    reject: false,
    ...(options.input === undefined ? { stdin: 'ignore' } : { input: options.input }),
  });
  if (result.exitCode !== 0) {
    const command = [file, ...args].map(quoteForShell).join(' ');
    const reason =
      result.code === 'ENOENT'
        ? 'command not found'
        : `command failed with exit code ${result.exitCode ?? result.signal ?? 'unknown'}`;
    const cwd = options.cwd ?? process.cwd();
    throw new CommandError(command, result.exitCode, result.stderr, cwd, undefined, reason);
  }
  return result.stdout;
}

/** execa takes any file descriptor; its types name only the first few. */
export function asStdin(fd: number): 3 {
  return fd as 3;
}

/** Whether a command can be found on the PATH. */
export async function commandExists(file: string): Promise<boolean> {
  const result = await execa('sh', ['-c', 'command -v "$1" >/dev/null', 'sh', file], {
    reject: false,
  });
  return result.exitCode === 0;
}

/** The output's tail; where ninja reports a failure, from its first FAILED line. */
function lastLines(output: string): string[] {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const failure = lines.findIndex((line) => line.startsWith('FAILED: '));
  const from = failure === -1 ? Math.max(0, lines.length - SHOWN_LINES) : failure;
  return lines.slice(from, from + SHOWN_LINES);
}
