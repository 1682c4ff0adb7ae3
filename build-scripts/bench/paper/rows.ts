// Reading rows again: for tables and plots.
import type { Point } from '../plot.ts';
import { formatMeasured } from '../table.ts';
import type { Row } from './figure.ts';

/** The row of a case and unit whose parameters have these values. */
export function findRow<Name extends string>(
  rows: readonly Row<Name>[],
  name: string,
  unit: string,
  at: Row<Name>['at'],
): Row<Name> | undefined {
  return rows.find(
    (row) =>
      row.case === name &&
      row.unit === unit &&
      Object.entries(at).every(([key, value]) => row.at[key] === value),
  );
}

/** The values of a parameter, in the order in which they were measured. */
export function valuesOf<T extends number | string>(
  rows: readonly Row<string>[],
  parameter: string,
): T[] {
  return [...new Set(rows.flatMap((row) => (row.at[parameter] as T | undefined) ?? []))];
}

/** `median (min to max)`; empty where there is no row. */
export function spreadCell(row: Row<string> | undefined): string {
  if (row === undefined) return '';
  const [median, min, max] = [row.median, row.min, row.max].map(formatMeasured);
  return `${median} (${min} to ${max})`;
}

/** The point of a row over a parameter of it. */
export function pointOver(parameter: string): (row: Row<string>) => Point {
  return (row) => ({ x: Number(row.at[parameter]), y: row.median, low: row.min, high: row.max });
}
