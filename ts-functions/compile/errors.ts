/** What keeps a file from being compiled to WebAssembly: one line. */
export class CompileError extends Error {
  override readonly name = 'CompileError';

  /**
   * @param remedy What to do about it, where that is known.
   * @param output The compiler's own text, of as many lines as it takes.
   */
  constructor(
    message: string,
    readonly remedy?: string,
    readonly output = '',
  ) {
    super(message);
  }
}
