import { execa } from 'execa';
import { UserError } from '../errors.ts';
import { formatCount, formatMeasured, formatTable } from './table.ts';

export type KeyKind = 'integer' | 'string';

/** One way to look keys up, at one size of the table; nanoseconds a lookup. */
export interface HtgetRow {
  /** `native`, `csa`, `callback-number` or `callback-buffer`. */
  case: string;
  keys: number;
  keyKind: KeyKind;
  /** The loop's own cost is taken off these three. */
  medianNs: number;
  minNs: number;
  maxNs: number;
  loopNs: number;
}

export interface HtgetResult {
  v8: string;
  rows: HtgetRow[];
}

const MAX_ROWS = 1_000;

/** Runs the microbenchmark program; its progress goes to standard error. */
export async function runHtget(binary: string, quick: boolean): Promise<HtgetResult> {
  const result = await execa(binary, ['htget', ...(quick ? ['--quick'] : [])], {
    stdin: 'ignore',
    stderr: 'inherit',
    reject: false,
  });
  if (result.exitCode !== 0) {
    throw new UserError(`${binary} ended with ${result.exitCode ?? result.signal ?? 'an error'}`);
  }
  return parseHtget(result.stdout);
}

/** Reads the program's JSON, which must be exactly of its form. */
export function parseHtget(text: string): HtgetResult {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new UserError('the bench program printed no JSON');
  }
  const { v8, rows } = (parsed ?? {}) as { v8?: unknown; rows?: unknown };
  if (typeof v8 !== 'string' || !Array.isArray(rows) || rows.length > MAX_ROWS) {
    throw new UserError('the bench program printed JSON of another form');
  }
  return { v8, rows: rows.map(parseRow) };
}

/** The rows as a table: a line a size and key kind, a column a case, and what CSA gains. */
export function formatHtget(rows: readonly HtgetRow[]): string {
  const cases = [...new Set(rows.map((row) => row.case))];
  const lines: string[][] = [];
  for (const keyKind of ['integer', 'string'] as const) {
    for (const keys of sizesOf(rows)) {
      const found = new Map(
        rows
          .filter((row) => row.keys === keys && row.keyKind === keyKind)
          .map((row) => [row.case, row]),
      );
      if (found.size === 0) continue;
      const csa = found.get('csa')?.medianNs;
      lines.push([
        `${formatCount(keys)} ${keyKind} keys`,
        ...cases.map((name) => cell(found.get(name))),
        ratio(found.get('callback-number')?.medianNs, csa),
        ratio(found.get('callback-buffer')?.medianNs, csa),
        formatMeasured(Math.max(...[...found.values()].map((row) => row.loopNs))),
      ]);
    }
  }
  return [
    'ns per lookup, the loop taken off: median (min to max)',
    formatTable(['', ...cases, 'number/csa', 'buffer/csa', 'loop'], lines),
  ].join('\n');
}

/** The table sizes that were measured, ascending. */
export function sizesOf(rows: readonly HtgetRow[]): number[] {
  return [...new Set(rows.map((row) => row.keys))].sort((a, b) => a - b);
}

function cell(row: HtgetRow | undefined): string {
  if (row === undefined) return '';
  const [median, min, max] = [row.medianNs, row.minNs, row.maxNs].map(formatMeasured);
  return `${median} (${min} to ${max})`;
}

function ratio(other: number | undefined, csa: number | undefined): string {
  if (other === undefined || csa === undefined || csa <= 0) return '';
  return `${(other / csa).toFixed(1)}x`;
}

function parseRow(value: unknown): HtgetRow {
  const row = (value ?? {}) as Record<string, unknown>;
  const number = (name: string): number => {
    const field = row[name];
    if (typeof field !== 'number' || !Number.isFinite(field)) {
      throw new UserError(`the bench program printed a row whose ${name} is no number`);
    }
    return field;
  };
  const { case: name, keyKind } = row;
  if (typeof name !== 'string' || (keyKind !== 'integer' && keyKind !== 'string')) {
    throw new UserError('the bench program printed a row without a case and a kind of key');
  }
  return {
    case: name,
    keys: number('keys'),
    keyKind,
    medianNs: number('medianNs'),
    minNs: number('minNs'),
    maxNs: number('maxNs'),
    loopNs: number('loopNs'),
  };
}
