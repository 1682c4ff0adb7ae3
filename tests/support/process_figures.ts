// What processes take, as the kernel counts it.
import { readFile } from 'node:fs/promises';
import { shardPids } from './processes.ts';

/**
 * The memory of a server's processes, shared pages counted once, in bytes. Without the pages of
 * files: those of the executable stay with whichever process has run the code in them.
 */
export async function treeBytes(server: { pid: number }): Promise<number> {
  const pids = [server.pid, ...(await shardPids(server))];
  const sizes = await Promise.all(
    pids.map(async (pid) => {
      const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
      const kib = (name: string): number =>
        Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(rollup)?.[1] ?? 0);
      return (kib('Pss') - kib('Pss_File')) * 1024;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** The same once it has stopped growing: an idle shard makes isolates for the next tenants. */
export async function settledTreeBytes(server: { pid: number }): Promise<number> {
  let most = 0;
  for (let quiet = 0; quiet < 30; quiet++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const bytes = await treeBytes(server);
    if (bytes > 1.005 * most) quiet = 0;
    most = Math.max(most, bytes);
  }
  return treeBytes(server);
}

/** What a process's first thread has used of a processor, in ms; undefined where it is gone. */
export async function firstThreadCpuMs(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : Number(text.split(' ')[0]) / 1e6;
}
