import { childrenCpuMs, describeCpu } from './cpu_time.ts';
import { formatDuration, Progress } from './progress.ts';

/** What a step's work may say while it runs. */
export interface Step {
  /** Replaces the text behind the step's name. */
  detail: (text: string) => void;
  /** Objects done of all. */
  progress: (done: number, total: number) => void;
  /** A line of a program's own report. */
  line: (text: string) => void;
  /** A line of its own that stays. */
  note: (text: string) => void;
  /** Says that the work waits for another process, such as `process 123`. */
  wait: (owner: string) => void;
  /** A warning that stays. */
  warn: (text: string) => void;
}

/**
 * Runs named steps one after the other, with their progress while they run, and how long they and
 * how much CPU their programs took when they end; all on standard error, so that standard output
 * stays a command's own.
 */
export class Steps {
  constructor(private readonly out: NodeJS.WriteStream = process.stderr) {}

  /** Runs `work` as a step; its last `detail` is kept on the step's final line. */
  async run<T>(name: string, work: (step: Step) => Promise<T>): Promise<T> {
    const progress = new Progress(name, this.out);
    let detail = '';
    const step: Step = {
      detail: (text) => {
        detail = text;
        progress.detail(text);
      },
      progress: (done, total) => progress.update(done, total),
      line: (text) => progress.line(text),
      note: (text) => progress.line(`  ${text}`),
      wait: (owner) => progress.line(`  waiting for ${owner}, which is at work on the same`),
      warn: (text) => progress.line(`  warning: ${text}`),
    };
    const begun = { wall: performance.now(), cpu: childrenCpuMs() };
    const spent = (): string =>
      formatDuration(performance.now() - begun.wall) + describeCpu(childrenCpuMs() - begun.cpu);
    try {
      const result = await work(step);
      progress.end(`✓ ${name}${detail === '' ? '' : `: ${detail}`} (${spent()})`);
      return result;
    } catch (error) {
      progress.end(`✗ ${name} failed after ${spent()}`);
      throw error;
    }
  }

  /** A line that belongs to no step. */
  note(text: string): void {
    this.out.write(`${text}\n`);
  }
}
