import { run } from '../system/command.ts';
import type { Step } from '../ui/steps.ts';

export interface NinjaOptions {
  folder: string;
  targets: readonly string[];
  jobs: number;
  log: string;
  step: Step;
  /** Descriptor of the lock that protects the folder. */
  lockFd: number;
  mapLine?: (line: string) => string;
}

/** Runs ninja, with its own count of finished objects as the step's progress. */
export async function runNinja(options: NinjaOptions): Promise<void> {
  await run('ninja', ['-j', String(options.jobs), ...options.targets], {
    cwd: options.folder,
    log: options.log,
    env: { NINJA_STATUS: '[%f/%t] ' },
    // An orphaned ninja keeps the folder locked until it has ended.
    stdin: options.lockFd,
    ...(options.mapLine === undefined ? {} : { mapLine: options.mapLine }),
    onLine: (line) => {
      const match = /^\[(\d+)\/(\d+)\] /.exec(line);
      if (match !== null) options.step.progress(Number(match[1]), Number(match[2]));
    },
  });
}
