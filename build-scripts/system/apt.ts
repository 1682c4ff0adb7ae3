/** What apt-get says of an installation that is under way. */
export interface AptProgress {
  /** What it is doing: `Retrieving file 2 of 57`, `Unpacking clang-19 (amd64)`. */
  doing: string;
  /** Packages that are ready, of all that are installed with those asked for. */
  done: number;
  total: number;
}

/** Options that make apt-get report its progress among its output, a line each. */
export const APT_PROGRESS_OPTIONS = ['-o', 'APT::Status-Fd=1', '-o', 'Dpkg::Use-Pty=0'] as const;

/** Reads apt-get's output line by line; gives the progress where a line reports some. */
export function aptProgressReader(): (line: string) => AptProgress | undefined {
  let done = 0;
  let total = 0;
  return (line) => {
    const counts = /^(\d+) upgraded, (\d+) newly installed,/.exec(line);
    if (counts !== null) total = Number(counts[1]) + Number(counts[2]);
    const status = /^(?:dlstatus|pmstatus):[^:]*(?::\w+)?:[\d.]+:(.+)$/.exec(line);
    const doing = status?.[1];
    if (doing === undefined) return undefined;
    if (doing.startsWith('Installed ')) done++;
    return { doing, done, total };
  };
}
