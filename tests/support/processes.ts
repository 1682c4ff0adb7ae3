// The processes of a server, as the kernel lists them.
import { readdir, readFile } from 'node:fs/promises';
import { hasCode } from '../../build-scripts/errors.ts';

interface ServerProcess {
  pid: number;
}

/** The processes of the supervisor's shards; none where the server is one process. */
export async function shardPids({ pid }: ServerProcess): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = await Promise.all(pids.map((each) => statusField(each, 'PPid')));
  return pids.filter((_, i) => parents[i] === String(pid));
}

/** The resident memory of a server's processes, in bytes. */
export async function residentBytes(server: ServerProcess): Promise<number> {
  const pids = [server.pid, ...(await shardPids(server))];
  const sizes = await Promise.all(pids.map((pid) => statusField(pid, 'VmRSS')));
  return sizes.reduce((sum, size) => sum + Number.parseInt(size ?? '0', 10) * 1024, 0);
}

/** Whether a process runs; one that has ended and that nobody has waited for does not. */
export async function isRunning(pid: number): Promise<boolean> {
  const state = await statusField(pid, 'State');
  return state !== undefined && !state.startsWith('Z') && !state.startsWith('X');
}

/** A field of a process's status; undefined where there is no such process. */
async function statusField(pid: number, name: string): Promise<string | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1];
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ESRCH')) return undefined;
    throw error;
  }
}
