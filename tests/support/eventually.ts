const POLL_MS = 10;
const TIMEOUT_MS = 20_000;

/** Waits until `condition` holds; fails, naming it, where that takes longer than any machine needs. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = TIMEOUT_MS,
): Promise<void> {
  const begun = performance.now();
  while (!(await condition())) {
    if (performance.now() - begun > timeoutMs) {
      throw new Error(`after ${timeoutMs} ms it is not so that ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
