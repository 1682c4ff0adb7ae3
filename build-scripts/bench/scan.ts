import { runProgram, type ProgramResult, type RowReader } from './program.ts';
import { formatBytes, formatMeasured, formatRatio, formatTable } from './table.ts';

const CASES = [
  'native-memcpy',
  'native-vector',
  'native',
  'view',
  'copy',
  'view-break',
  'view-down',
  'view-try',
] as const;
const PLACES = ['cache', 'memory'] as const;
const ELEMENTS = ['bytes', 'uint32', 'float64'] as const;

/** One way to read all values of a table; 10^9 bytes a second. */
export interface ScanRow {
  case: (typeof CASES)[number];
  valueBytes: number;
  /** All values together. */
  dataBytes: number;
  /** Where the values are when they are read: in the second-level cache, or in memory. */
  place: (typeof PLACES)[number];
  /** What is added up; of a copy alone, bytes. */
  element: (typeof ELEMENTS)[number];
  /** Sums that are kept side by side; absent where the compiler chooses. */
  accumulators?: number;
  medianGBps: number;
  minGBps: number;
  maxGBps: number;
}

export interface ScanOptions {
  quick: boolean;
  /** Bytes of a value; default: the program's. */
  sizes?: readonly number[] | undefined;
}

export async function runScan(
  binary: string,
  options: ScanOptions,
): Promise<ProgramResult<ScanRow>> {
  const { quick, sizes } = options;
  const args = [
    'scan',
    ...(quick ? ['--quick'] : []),
    ...(sizes === undefined ? [] : ['--sizes', sizes.join(',')]),
  ];
  return await runProgram(binary, args, parseScanRow);
}

export function parseScanRow(row: RowReader): ScanRow {
  const accumulators = row.optionalNumber('accumulators');
  return {
    case: row.oneOf('case', CASES),
    valueBytes: row.number('valueBytes'),
    dataBytes: row.number('dataBytes'),
    place: row.oneOf('place', PLACES),
    element: row.oneOf('element', ELEMENTS),
    ...(accumulators === undefined ? {} : { accumulators }),
    medianGBps: row.number('medianGBps'),
    minGBps: row.number('minGBps'),
    maxGBps: row.number('maxGBps'),
  };
}

/** The rows as a table: a line a place, size, element and number of accumulators. */
export function formatScan(rows: readonly ScanRow[]): string {
  const cases = CASES.filter((name) => rows.some((row) => row.case === name));
  const loops = cases.filter((name) => !name.startsWith('native'));
  const sizes = [...new Set(rows.map((row) => row.valueBytes))];
  const lines = PLACES.flatMap((place) =>
    sizes.flatMap((valueBytes) =>
      ELEMENTS.flatMap((element) =>
        [1, 4].flatMap((accumulators) => {
          const found = new Map(
            rows
              .filter((row) => row.place === place && row.valueBytes === valueBytes)
              .filter((row) => row.element === element || row.element === 'bytes')
              .filter((row) => (row.accumulators ?? accumulators) === accumulators)
              .map((row) => [row.case, row]),
          );
          const [any] = [...found.values()].filter((row) => row.element === element);
          if (any === undefined || element === 'bytes') return [];
          const native = found.get('native')?.medianGBps;
          return [
            [
              `${place}: ${formatBytes(valueBytes)}, ${element}, ${accumulators === 1 ? '1 sum' : '4 sums'}`,
              ...cases.map((name) => cell(found.get(name))),
              ...loops.map((name) => formatRatio(found.get(name)?.medianGBps, native)),
            ],
          ];
        }),
      ),
    ),
  );
  return [
    'GB/s of values read whole, lookups included: median (min to max)',
    formatTable(['', ...cases, ...loops.map((name) => `${name}/native`)], lines),
  ].join('\n');
}

function cell(row: ScanRow | undefined): string {
  if (row === undefined) return '';
  const [median, min, max] = [row.medianGBps, row.minGBps, row.maxGBps].map(formatMeasured);
  return `${median} (${min} to ${max})`;
}
