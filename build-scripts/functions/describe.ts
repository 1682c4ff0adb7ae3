import { printable } from '../ui/printable.ts';
import type { FunctionSummary } from './load.ts';

/** Functions, one a line, indented and aligned: name, description, flags. */
export function describeFunctions(functions: readonly FunctionSummary[]): string[] {
  const width = Math.max(0, ...functions.map(({ name }) => name.length));
  return functions.map(({ name, flags, description }) =>
    [
      `  ${name.padEnd(width)}`,
      printable(description).replaceAll(/\s*\n\s*/g, ' '),
      flags.length > 0 ? `[${flags.join(', ')}]` : '',
    ]
      .filter((part) => part !== '')
      .join('  ')
      .trimEnd(),
  );
}

/** A library that has just been loaded. */
export function describeLoaded(
  library: string,
  tenant: string,
  code: string | Buffer,
  functions: readonly FunctionSummary[],
): string {
  const kib = (Buffer.byteLength(code) / 1024).toFixed(1);
  return [`${library} for tenant ${tenant} (${kib} KiB)`, ...describeFunctions(functions)].join(
    '\n',
  );
}
