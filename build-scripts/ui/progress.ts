/** Milliseconds between redraws of the live line on a terminal. */
const REDRAW_MS = 100;
/** Without a terminal: a line at most this often, */
const PLAIN_MIN_MS = 5_000;
/** when this share of the work was done since the last one, or else this much time went by. */
const PLAIN_SHARE = 0.05;
const PLAIN_MAX_MS = 15_000;
/** The first objects of a build are small: no estimate is made of them. */
const ESTIMATE_AFTER_MS = 10_000;
const ESTIMATE_AFTER_SHARE = 0.1;

/**
 * One step's progress: a live line on a terminal, plain lines now and then elsewhere.
 * Estimates the time left from the objects done since the step's first report.
 */
export class Progress {
  private readonly begun = performance.now();
  private readonly timer: NodeJS.Timeout | undefined;
  private text = '';
  private done = 0;
  private total = 0;
  private firstDone: { done: number; at: number } | undefined;
  private printed = { at: performance.now(), done: 0 };

  constructor(
    private readonly name: string,
    private readonly out: NodeJS.WriteStream,
  ) {
    if (!out.isTTY) return;
    this.timer = setInterval(() => this.draw(), REDRAW_MS);
    this.timer.unref();
  }

  detail(text: string): void {
    this.text = text;
  }

  update(done: number, total: number): void {
    this.firstDone ??= { done, at: performance.now() };
    this.done = done;
    this.total = total;
    if (this.out.isTTY) return;
    const sincePrinted = performance.now() - this.printed.at;
    const share = (done - this.printed.done) / Math.max(1, total);
    const due =
      sincePrinted >= PLAIN_MAX_MS || (sincePrinted >= PLAIN_MIN_MS && share >= PLAIN_SHARE);
    if (!due) return;
    this.printed = { at: performance.now(), done };
    this.out.write(`${this.status()}\n`);
  }

  /** Prints a line that stays, above the live line. */
  line(text: string): void {
    this.out.write(this.out.isTTY ? `\r\u001B[K${text}\n` : `${text}\n`);
  }

  end(text: string): void {
    clearInterval(this.timer);
    this.line(text);
  }

  private draw(): void {
    // A live line that wraps could not be redrawn in place.
    const status = this.status().slice(0, Math.max(20, this.out.columns - 1));
    this.out.write(`\r\u001B[K${status}`);
  }

  private status(): string {
    const elapsed = performance.now() - this.begun;
    const parts = [`… ${this.name}`];
    if (this.text !== '') parts.push(this.text);
    if (this.total > 0) parts.push(`${this.done}/${this.total}`);
    parts.push(formatDuration(elapsed));
    const left = this.left();
    if (left !== undefined) parts.push(`about ${formatDuration(left)} left`);
    return parts.join('  ');
  }

  private left(): number | undefined {
    if (this.firstDone === undefined || this.done >= this.total) return undefined;
    const counted = this.done - this.firstDone.done;
    const elapsed = performance.now() - this.firstDone.at;
    if (elapsed < ESTIMATE_AFTER_MS || counted < this.total * ESTIMATE_AFTER_SHARE)
      return undefined;
    return (elapsed / counted) * (this.total - this.done);
  }
}

/** `0.4 s`, `12 s`, `3:07` (minutes and seconds) or `1:02:33`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 9_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  const pad = (value: number): string => String(value).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${pad(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${pad(seconds % 60)}`;
}
