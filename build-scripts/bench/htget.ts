import { runProgram, type ProgramResult, type RowReader } from './program.ts';
import { formatCount, formatMeasured, formatRatio, formatTable } from './table.ts';

export const KEY_KINDS = ['integer', 'string'] as const;
export type KeyKind = (typeof KEY_KINDS)[number];

export const HTGET_CASES = [
  'native',
  'inlined',
  'called',
  'wasm',
  'callback-number',
  'callback-buffer',
  'callback',
  'prefetched',
] as const;
export type HtgetCase = (typeof HTGET_CASES)[number];

/** One builtin, or what does the same another way, at one size of the table; nanoseconds a key. */
export interface HtgetRow {
  builtin: string;
  case: HtgetCase;
  keys: number;
  keyKind: KeyKind;
  /** The loop's own cost is taken off these three. */
  medianNs: number;
  minNs: number;
  maxNs: number;
  loopNs: number;
  /** Where a call takes many keys. */
  keysPerCall?: number;
}

export interface HtgetOptions {
  quick: boolean;
  /** Keys in the table; default: the program's. */
  sizes?: readonly number[] | undefined;
  builtins?: readonly string[] | undefined;
}

/** Ratios that are shown where both cases were measured. */
const RATIOS: readonly (readonly [HtgetCase, HtgetCase])[] = [
  ['inlined', 'native'],
  ['called', 'native'],
  ['called', 'inlined'],
  ['wasm', 'called'],
  ['callback-number', 'inlined'],
  ['callback-buffer', 'inlined'],
  ['callback-number', 'called'],
  ['callback-buffer', 'called'],
  ['callback', 'native'],
  ['callback', 'called'],
  ['prefetched', 'native'],
];
/** Not shown beside inlined code, which is what a function runs. */
const WITHOUT_INLINED: ReadonlySet<string> = new Set([
  'called/native',
  'callback-number/called',
  'callback-buffer/called',
]);

export async function runHtget(
  binary: string,
  options: HtgetOptions,
): Promise<ProgramResult<HtgetRow>> {
  const { quick, sizes, builtins } = options;
  const args = [
    'htget',
    ...(quick ? ['--quick'] : []),
    ...(sizes === undefined ? [] : ['--sizes', sizes.join(',')]),
    ...(builtins === undefined ? [] : ['--builtins', builtins.join(',')]),
  ];
  return await runProgram(binary, args, parseHtgetRow);
}

export function parseHtgetRow(row: RowReader): HtgetRow {
  const keysPerCall = row.optionalNumber('keysPerCall');
  return {
    builtin: row.text('builtin'),
    case: row.oneOf('case', HTGET_CASES),
    keys: row.number('keys'),
    keyKind: row.oneOf('keyKind', KEY_KINDS),
    medianNs: row.number('medianNs'),
    minNs: row.number('minNs'),
    maxNs: row.number('maxNs'),
    loopNs: row.number('loopNs'),
    ...(keysPerCall === undefined ? {} : { keysPerCall }),
  };
}

/**
 * The rows as tables, one a builtin: a line a kind and number of keys, a column a case, and the
 * medians' ratios.
 */
export function formatHtget(rows: readonly HtgetRow[]): string {
  const builtins = [...new Set(rows.map((row) => row.builtin))];
  return [
    'ns per key, the loop taken off: median (min to max). Integers come from a Uint32Array, strings',
    'have 16 ASCII bytes; keys in random order, all there; values of 64 bytes.',
    ...builtins.flatMap((builtin) => [
      '',
      builtin,
      formatBuiltin(rows.filter((row) => row.builtin === builtin)),
    ]),
  ].join('\n');
}

function formatBuiltin(rows: readonly HtgetRow[]): string {
  const cases = HTGET_CASES.filter((name) => rows.some((row) => row.case === name));
  const has = (name: HtgetCase): boolean => cases.includes(name);
  const ratios = RATIOS.filter(
    ([a, b]) => has(a) && has(b) && !(has('inlined') && WITHOUT_INLINED.has(`${a}/${b}`)),
  );
  const lines = KEY_KINDS.flatMap((keyKind) =>
    sizesOf(rows).flatMap((keys) =>
      callSizesOf(rows, keys, keyKind).map((keysPerCall) => {
        const found = new Map(
          rows
            .filter((row) => row.keys === keys && row.keyKind === keyKind)
            .filter((row) => row.keysPerCall === undefined || row.keysPerCall === keysPerCall)
            .map((row) => [row.case, row]),
        );
        const perCall = keysPerCall === undefined ? '' : `, ${formatCount(keysPerCall)} a call`;
        return [
          `${formatCount(keys)} ${keyKind} keys${perCall}`,
          ...cases.map((name) => cell(found.get(name))),
          ...ratios.map(([a, b]) => formatRatio(found.get(a)?.medianNs, found.get(b)?.medianNs)),
          formatMeasured(Math.max(...[...found.values()].map((row) => row.loopNs))),
        ];
      }),
    ),
  );
  return formatTable(['', ...cases, ...ratios.map((pair) => pair.join('/')), 'loop'], lines);
}

/** The table sizes that were measured, ascending. */
export function sizesOf(rows: readonly HtgetRow[]): number[] {
  return [...new Set(rows.map((row) => row.keys))].sort((a, b) => a - b);
}

/** How many keys a call took, ascending; one undefined where each took one, none where no row is. */
function callSizesOf(
  rows: readonly HtgetRow[],
  keys: number,
  keyKind: KeyKind,
): (number | undefined)[] {
  const here = rows.filter((row) => row.keys === keys && row.keyKind === keyKind);
  const sizes = new Set(here.flatMap((row) => row.keysPerCall ?? []));
  if (sizes.size === 0 && here.length > 0) return [undefined];
  return [...sizes].sort((a, b) => a - b);
}

function cell(row: HtgetRow | undefined): string {
  if (row === undefined) return '';
  const [median, min, max] = [row.medianNs, row.minNs, row.maxNs].map(formatMeasured);
  return `${median} (${min} to ${max})`;
}
