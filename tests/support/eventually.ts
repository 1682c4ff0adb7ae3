import { PATIENCE_MS } from './patience.ts';

const POLL_MS = 10;

/** Waits until `condition` holds; fails, naming it, where that takes longer than any machine needs. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const begun = performance.now();
  while (!(await condition())) {
    if (performance.now() - begun > PATIENCE_MS) {
      throw new Error(`after ${PATIENCE_MS} ms it is not so that ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
