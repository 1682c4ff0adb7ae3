import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { hasCode, UserError } from '../errors.ts';

/** A shredderd that listens. */
export interface Server {
  port: number;
  /** `redis://127.0.0.1:port` */
  url: string;
  pid: number;
  /** What it has logged so far. */
  log: () => string;
  /** Asks it to end and waits until it has; the exit code, undefined where a signal ended it. */
  stop: (signal?: NodeJS.Signals) => Promise<number | undefined>;
}

export interface ServerOptions {
  /** Path of shredderd. */
  binary: string;
  /** Its configuration file's text; none: the single tenant `default`. */
  config?: string;
  /** A free one where absent. */
  port?: number;
  /** Further flags. */
  flags?: readonly string[];
  /** What comes before the binary to start it, as in `ip netns exec name`; must become it. */
  enter?: readonly string[];
}

// What takes longer hangs, on a slow and busy machine too.
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 60_000;
const POLL_MS = 10;
const MAX_LOG_BYTES = 1024 * 1024;

/** Starts a server on a port of the loopback and waits until it listens. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const folder = await mkdtemp(path.join(tmpdir(), 'shredderd-'));
  const portFile = path.join(folder, 'port');
  const configFile = path.join(folder, 'shredder.toml');
  const port = String(options.port ?? 0);
  const flags = ['--port', port, '--port-file', portFile, ...(options.flags ?? [])];
  if (options.config !== undefined) {
    await writeFile(configFile, options.config, { mode: 0o600 });
    flags.unshift('--config', configFile);
  }

  const [file, ...args] = [...(options.enter ?? []), options.binary, ...flags];
  const subprocess = execa(file!, args, {
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
    buffer: false,
    reject: false,
    // A server whose parent is gone, however that ended, serves nobody.
    cleanup: true,
    forceKillAfterDelay: STOP_TIMEOUT_MS,
  });
  let log = '';
  subprocess.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-MAX_LOG_BYTES);
  });
  let ended = false;
  const end = subprocess.then(async (result) => {
    ended = true;
    await rm(folder, { recursive: true, force: true });
    return result;
  });

  const begun = performance.now();
  let listening: number | undefined;
  while (listening === undefined) {
    if (ended || performance.now() - begun > START_TIMEOUT_MS) {
      subprocess.kill('SIGKILL');
      const result = await end;
      throw new UserError(
        `shredderd did not start: ${log.trim() || (result.shortMessage ?? 'it logged nothing')}`,
      );
    }
    listening = await readPort(portFile);
    if (listening === undefined) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return {
    port: listening,
    url: `redis://127.0.0.1:${listening}`,
    pid: subprocess.pid ?? 0,
    log: () => log,
    stop: async (signal = 'SIGTERM') => {
      subprocess.kill(signal);
      return (await end).exitCode;
    },
  };
}

/** The port, once the file holds it whole. */
async function readPort(file: string): Promise<number | undefined> {
  try {
    const text = await readFile(file, 'utf8');
    return /^\d+\n$/.test(text) ? Number(text) : undefined;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
