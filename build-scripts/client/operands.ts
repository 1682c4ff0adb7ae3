/**
 * Splits a command's operands at the `--` of its command line: what stands before it, and behind.
 * (The parser drops the `--` and joins both.)
 *
 * @param argv The command line, from the command's own name on.
 */
export function splitOperands(
  operands: readonly string[],
  argv: readonly string[],
): { before: string[]; behind: string[] } {
  const mark = argv.indexOf('--');
  const count = mark === -1 ? 0 : argv.length - mark - 1;
  const at = operands.length - count;
  return { before: operands.slice(0, at), behind: operands.slice(at) };
}
