/** One waits, others wake it; a call while nobody waits is for the next wait. */
export class Wake {
  private isCalled = false;
  private resume: (() => void) | undefined;

  call(): void {
    this.isCalled = true;
    this.resume?.();
  }

  /** @param ms How long at most. */
  async wait(ms?: number): Promise<void> {
    if (!this.isCalled) {
      await new Promise<void>((resolve) => {
        const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
        this.resume = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.resume = undefined;
    this.isCalled = false;
  }
}
