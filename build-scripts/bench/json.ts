import { runProgram, type ProgramResult, type RowReader } from './program.ts';
import { formatBytes, formatMeasured, formatRatio, formatTable } from './table.ts';

const CASES = ['alone', 'stored'] as const;

/** A document that is parsed, changed and made a text again, in the store or without it. */
export interface JsonRow {
  case: (typeof CASES)[number];
  /** Of the document as text, about. */
  valueBytes: number;
  medianUs: number;
  minUs: number;
  maxUs: number;
}

export interface JsonOptions {
  quick: boolean;
  /** Bytes of a document; default: the program's. */
  sizes?: readonly number[] | undefined;
}

export async function runJson(
  binary: string,
  options: JsonOptions,
): Promise<ProgramResult<JsonRow>> {
  const { quick, sizes } = options;
  const args = [
    'json',
    ...(quick ? ['--quick'] : []),
    ...(sizes === undefined ? [] : ['--sizes', sizes.join(',')]),
  ];
  return await runProgram(binary, args, parseJsonRow);
}

export function parseJsonRow(row: RowReader): JsonRow {
  return {
    case: row.oneOf('case', CASES),
    valueBytes: row.number('valueBytes'),
    medianUs: row.number('medianUs'),
    minUs: row.number('minUs'),
    maxUs: row.number('maxUs'),
  };
}

/** The rows as a table: a line a size. */
export function formatJson(rows: readonly JsonRow[]): string {
  const sizes = [...new Set(rows.map((row) => row.valueBytes))];
  const lines = sizes.map((valueBytes) => {
    const [alone, stored] = CASES.map((name) =>
      rows.find((row) => row.case === name && row.valueBytes === valueBytes),
    );
    return [
      formatBytes(valueBytes),
      cell(alone),
      cell(stored),
      formatRatio(stored?.medianUs, alone?.medianUs),
    ];
  });
  return [
    'Microseconds to parse, change and stringify a document: median (min to max)',
    formatTable(['', ...CASES, 'stored/alone'], lines),
  ].join('\n');
}

function cell(row: JsonRow | undefined): string {
  if (row === undefined) return '';
  const [median, min, max] = [row.medianUs, row.minUs, row.maxUs].map(formatMeasured);
  return `${median} (${min} to ${max})`;
}
