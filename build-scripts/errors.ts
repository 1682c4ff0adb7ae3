/** An error that is the user's to solve: printed as it is, without a stack. */
export class UserError extends Error {
  /**
   * @param message One line: what was wrong, with what.
   * @param remedy What to do about it; printed on a line of its own.
   */
  constructor(
    message: string,
    readonly remedy?: string,
  ) {
    super(message);
    this.name = 'UserError';
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether `error` is a system error with this code, such as `ENOENT`. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}

/** The last line of what an error says, without its full stop: a command's own last word. */
export function lastLineOf(error: unknown): string {
  const lines = messageOf(error)
    .split('\n')
    .map((line) => line.trim());
  return (lines.filter((line) => line !== '').at(-1) ?? '').replace(/[.!?]*$/, '');
}
