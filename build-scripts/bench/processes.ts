// What the processes of a server take: memory, and time of the processors.
import { readdir, readFile } from 'node:fs/promises';

/** The processes of a server: itself and its children. */
async function processesOf(pid: number): Promise<number[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const children = await Promise.all(
    names.map(async (name) => {
      const status = await readFile(`/proc/${name}/status`, 'utf8').catch(() => '');
      return /^PPid:\s+(\d+)$/m.exec(status)?.[1] === String(pid) ? [Number(name)] : [];
    }),
  );
  return [pid, ...children.flat()];
}

/** The memory of a server, what its processes share counted once; bytes. */
export async function pssOf(pid: number): Promise<number> {
  const sizes = await Promise.all(
    (await processesOf(pid)).map(async (process) => {
      const rollup = await readFile(`/proc/${process}/smaps_rollup`, 'utf8');
      return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? NaN) * 1_024;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** What a server's processes have used of the processors, all threads; microseconds. */
export async function cpuUsOf(pid: number): Promise<number> {
  let ns = 0;
  for (const process of await processesOf(pid)) {
    for (const thread of await readdir(`/proc/${process}/task`)) {
      const text = await readFile(`/proc/${process}/task/${thread}/schedstat`, 'utf8');
      ns += Number(text.split(' ', 1)[0]);
    }
  }
  return ns / 1_000;
}
