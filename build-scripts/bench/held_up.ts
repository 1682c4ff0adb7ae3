import { closeSync, openSync, readSync } from 'node:fs';

const MAX_BYTES = 128;

/** How long this process's main thread has been ready to run without a processor to run on. */
export class HeldUpMeter {
  readonly #file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  readonly #bytes = Buffer.alloc(MAX_BYTES);

  /** Since the process's start; microseconds. */
  read(): number {
    const length = readSync(this.#file, this.#bytes, 0, MAX_BYTES, 0);
    return Number(this.#bytes.toString('latin1', 0, length).split(' ', 2)[1]) / 1_000;
  }

  close(): void {
    closeSync(this.#file);
  }
}
