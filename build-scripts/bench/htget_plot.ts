// The microbenchmark as an SVG: nanoseconds a key over the table's size, both logarithmic, a row of panels a builtin,
// a panel a kind of key, a line a case, with a bar from the fastest to the slowest run.
import { HTGET_CASES, KEY_KINDS, sizesOf, type HtgetCase, type HtgetRow } from './htget.ts';
import { ABOVE_PANELS, drawPlot, LEFT, logScaleAcross, logScaleUp, type Style } from './plot.ts';
import { formatCount } from './table.ts';

const STYLES: Readonly<Record<HtgetCase, Style>> = {
  native: { color: '#000000', label: 'native C++' },
  inlined: { color: '#0072b2', label: 'builtin, inlined' },
  called: { color: '#56b4e9', label: 'builtin, called' },
  wasm: { color: '#f0e442', label: 'import of WebAssembly' },
  'callback-number': { color: '#e69f00', label: 'C++ callback, number out' },
  'callback-buffer': { color: '#d55e00', label: 'C++ callback, ArrayBuffer out' },
  callback: { color: '#cc79a7', label: 'C++ callback' },
  prefetched: { color: '#009e73', label: 'HTGetMany' },
};

/** Builtins that have panels, where they were measured; where none was, the first that was. */
const PLOTTED: readonly string[] = ['HTGetUint32', 'HTGet'];
/** Reads of one word by many keys a call, so a line of theirs in that builtin's panel. */
const GATHER = { builtin: 'HTGetMany', beside: 'HTGetUint32' } as const;

const PANEL = { height: 280, width: 385, pitch: 385 };
const PANEL_LEFTS = { integer: LEFT, string: 545 } as const;

/** @param subtitle One line, such as the machine. */
export function plotHtget(rows: readonly HtgetRow[], subtitle: string): string {
  const builtins = plottedBuiltins(rows);
  const panels = builtins.flatMap((builtin, index) =>
    KEY_KINDS.map((keyKind) => ({
      title: `${builtin}, ${keyKind} keys`,
      left: PANEL_LEFTS[keyKind],
      top: ABOVE_PANELS + index * PANEL.pitch,
      rows: rows.filter((row) => row.keyKind === keyKind).filter((row) => isIn(builtin, row)),
    })),
  );
  const shown = panels.flatMap((panel) => panel.rows);
  const y = logScaleUp(
    shown.flatMap((row) => [row.minNs, row.maxNs]),
    PANEL.height,
  );
  const x = logScaleAcross(sizesOf(shown), PANEL.width, formatCount);
  const cases = HTGET_CASES.filter((name) => shown.some((row) => row.case === name));
  return drawPlot({
    title: 'Time of one key in the store',
    subtitle,
    legend: cases.map((name) => STYLES[name]),
    panels: panels.map((panel) => ({
      ...PANEL,
      ...panel,
      x,
      y,
      xLabel: 'keys in the table (log scale)',
      yLabel: panel.left === LEFT ? 'ns per key (log scale)' : undefined,
      series: cases.map((name) => ({
        color: STYLES[name].color,
        points: panel.rows
          .filter((row) => row.case === name)
          .sort((a, b) => a.keys - b.keys)
          .map((row) => ({ x: row.keys, y: row.medianNs, low: row.minNs, high: row.maxNs })),
        joined: true,
      })),
    })),
  });
}

function plottedBuiltins(rows: readonly HtgetRow[]): string[] {
  const measured = [...new Set(rows.map((row) => row.builtin))];
  const plotted = PLOTTED.filter((builtin) => measured.includes(builtin));
  return plotted.length > 0 ? plotted : measured.slice(0, 1);
}

/** Of HTGetMany, the calls of fewest keys. */
function isIn(builtin: string, row: HtgetRow): boolean {
  if (builtin === GATHER.beside && row.builtin === GATHER.builtin) {
    return row.case === 'prefetched' && row.keysPerCall === 4096;
  }
  return row.builtin === builtin;
}
