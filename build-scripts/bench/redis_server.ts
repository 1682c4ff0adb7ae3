import { execa } from 'execa';
import { withClient } from '../client/connection.ts';
import { UserError } from '../errors.ts';
import { freePort } from '../server/free_port.ts';

/** A redis-server that listens. */
export interface RedisServer {
  port: number;
  pid: number;
  version: string;
  stop: () => Promise<void>;
}

const START_TIMEOUT_MS = 60_000;
const POLL_MS = 20;

/** Starts the system's redis-server on a free port of the loopback, keeping nothing on disk. */
export async function startRedis(): Promise<RedisServer> {
  const port = await freePort();
  const flags = { port, bind: '127.0.0.1', save: '', appendonly: 'no', daemonize: 'no' };
  const subprocess = execa(
    'redis-server',
    Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]),
    { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe', reject: false },
  );
  let ended: string | undefined;
  const end = subprocess.then((result) => {
    ended = result.code === 'ENOENT' ? 'command not found' : (result.shortMessage ?? 'it ended');
  });

  const begun = performance.now();
  for (;;) {
    const version = await askVersion(port);
    if (version !== undefined && subprocess.pid !== undefined) {
      return {
        port,
        pid: subprocess.pid,
        version,
        stop: async () => {
          subprocess.kill('SIGTERM');
          await end;
        },
      };
    }
    if (ended !== undefined || performance.now() - begun > START_TIMEOUT_MS) {
      subprocess.kill('SIGKILL');
      throw new UserError(
        `redis-server did not start: ${ended ?? 'it does not answer'}`,
        'Install it: apt-get install redis-server',
      );
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function askVersion(port: number): Promise<string | undefined> {
  try {
    const info = await withClient(
      { url: `redis://127.0.0.1:${port}`, tenant: 'default' },
      (client) => client.info('server'),
    );
    return /^redis_version:(\S+)/m.exec(info)?.[1] ?? 'unknown';
  } catch {
    return undefined;
  }
}
