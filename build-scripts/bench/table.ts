/** A table as plain text: a header, a rule, and rows; the first column left, the others right. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join(
    '\n',
  );
}

/** An integer with a comma between thousands. */
export function formatCount(value: number | bigint): string {
  return value.toLocaleString('en-US');
}

/** A few significant digits, for a measured value of any size. */
export function formatMeasured(value: number): string {
  if (value >= 100) return formatCount(Math.round(value));
  return value.toFixed(value >= 10 ? 1 : 2);
}

/** How many times `base` a value is; empty where either is missing or the base is noise. */
export function formatRatio(value: number | undefined, base: number | undefined): string {
  if (value === undefined || base === undefined || base <= 0) return '';
  const ratio = value / base;
  return `${ratio >= 100 ? formatCount(Math.round(ratio)) : ratio.toFixed(ratio >= 10 ? 1 : 2)}x`;
}

/** A size in the largest unit that gives a whole number. */
export function formatBytes(bytes: number): string {
  if (bytes % 1024 ** 2 === 0) return `${formatCount(bytes / 1024 ** 2)} MiB`;
  if (bytes % 1024 === 0) return `${formatCount(bytes / 1024)} KiB`;
  return `${formatCount(bytes)} B`;
}
