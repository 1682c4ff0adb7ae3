// The microbenchmark as an SVG: nanoseconds a key over the table's size, both logarithmic, a row of panels a builtin,
// a panel a kind of key, a line a case, with a bar from the fastest to the slowest run.
import { formatCount } from './table.ts';
import { HTGET_CASES, KEY_KINDS, sizesOf, type HtgetCase, type HtgetRow } from './htget.ts';

/** A line's colour and name; colours that colour-blind readers tell apart (Okabe and Ito). */
const STYLES: Readonly<Record<HtgetCase, { color: string; label: string }>> = {
  native: { color: '#000000', label: 'native C++' },
  inlined: { color: '#0072b2', label: 'builtin, inlined' },
  called: { color: '#56b4e9', label: 'builtin, called' },
  'callback-number': { color: '#e69f00', label: 'C++ callback, number out' },
  'callback-buffer': { color: '#d55e00', label: 'C++ callback, ArrayBuffer out' },
  callback: { color: '#cc79a7', label: 'C++ callback' },
  prefetched: { color: '#009e73', label: 'HTGetMany' },
};

/** Builtins that have panels, where they were measured; where none was, the first that was. */
const PLOTTED: readonly string[] = ['HTGetUint32', 'HTGet'];
/** Reads of one word by many keys a call, so a line of theirs in that builtin's panel. */
const GATHER = { builtin: 'HTGetMany', beside: 'HTGetUint32' } as const;

const WIDTH = 960;
const PANEL = { top: 120, height: 280, width: 385, pitch: 385 };
const BELOW_PANELS = 20;
const PANEL_LEFTS = { integer: 75, string: 545 } as const;
/** Pixels of a legend's entry: its line and the space behind, a character, the space between. */
const LEGEND = { sample: 28, character: 6.5, gap: 14 };
/** Room between a panel's sides and its first and last size. */
const INSET = 30;

/** @param subtitle One line, such as the machine. */
export function plotHtget(rows: readonly HtgetRow[], subtitle: string): string {
  const builtins = plottedBuiltins(rows);
  const panels = builtins.flatMap((builtin, index) =>
    KEY_KINDS.map((keyKind) => ({
      title: `${builtin}, ${keyKind} keys`,
      left: PANEL_LEFTS[keyKind],
      top: PANEL.top + index * PANEL.pitch,
      rows: rows.filter((row) => row.keyKind === keyKind).filter((row) => isIn(builtin, row)),
    })),
  );
  const shown = panels.flatMap((panel) => panel.rows);
  const y = yScale(shown);
  const x = xScale(sizesOf(shown));
  const cases = HTGET_CASES.filter((name) => shown.some((row) => row.case === name));
  const height = PANEL.top + builtins.length * PANEL.pitch - (PANEL.pitch - PANEL.height) + 60;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height + BELOW_PANELS}" viewBox="0 0 ${WIDTH} ${height + BELOW_PANELS}" font-family="sans-serif" font-size="13" fill="#222222">`,
    `<rect width="${WIDTH}" height="${height + BELOW_PANELS}" fill="#ffffff"/>`,
    text(PANEL_LEFTS.integer, 32, 'Time of one key in the store', 'font-size="19"'),
    text(PANEL_LEFTS.integer, 54, subtitle, 'font-size="12" fill="#555555"'),
    ...legend(cases),
    ...panels.flatMap((panel) => [
      ...axes(panel, x, y),
      ...cases.flatMap((name) =>
        line(
          panel.rows.filter((row) => row.case === name),
          STYLES[name].color,
          (keys) => panel.left + x.place(keys),
          (ns) => panel.top + y.place(ns),
        ),
      ),
    ]),
    '</svg>',
    '',
  ].join('\n');
}

interface Panel {
  title: string;
  left: number;
  top: number;
}

interface Scale {
  /** Pixels of a value from the panel's left side or top. */
  place: (value: number) => number;
  ticks: readonly number[];
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

function xScale(sizes: readonly number[]): Scale {
  const low = Math.log(sizes[0] ?? 1);
  const span = Math.log(sizes.at(-1) ?? 1) - low || 1;
  return {
    place: (keys) => INSET + ((Math.log(keys) - low) / span) * (PANEL.width - 2 * INSET),
    ticks: sizes,
  };
}

/** From a 1, 2 or 5 times a power of ten below every value to one above. */
function yScale(rows: readonly HtgetRow[]): Scale {
  const values = rows.flatMap((row) => [row.minNs, row.maxNs]).map(positive);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const steps: number[] = [];
  for (let decade = 0.1; decade < 1e7; decade *= 10) {
    steps.push(...[1, 2, 5].map((digit) => Number((digit * decade).toPrecision(1))));
  }
  const first = steps.findLastIndex((step) => step <= low);
  const last = steps.findIndex((step) => step >= high);
  const ticks = steps.slice(Math.max(0, first), last === -1 ? undefined : last + 1);
  const bottom = Math.log(ticks[0] ?? 0.1);
  const span = Math.log(ticks.at(-1) ?? 1) - bottom || 1;
  return {
    place: (ns) => PANEL.height * (1 - (Math.log(positive(ns)) - bottom) / span),
    ticks,
  };
}

/** A logarithm needs a value above 0, and a time below 0.1 ns is noise. */
function positive(ns: number): number {
  return Math.max(0.1, ns);
}

function legend(cases: readonly HtgetCase[]): string[] {
  let left: number = PANEL_LEFTS.integer;
  return cases.flatMap((name) => {
    const { label, color } = STYLES[name];
    const at = left;
    left += LEGEND.sample + LEGEND.gap + Math.round(label.length * LEGEND.character);
    return [
      `<line x1="${at}" y1="78" x2="${at + 22}" y2="78" stroke="${color}" stroke-width="2.5"/>`,
      text(at + LEGEND.sample, 82, label),
    ];
  });
}

function axes({ title, left, top }: Panel, x: Scale, y: Scale): string[] {
  const right = left + PANEL.width;
  const bottom = top + PANEL.height;
  const middle = left + PANEL.width / 2;
  return [
    ...y.ticks.flatMap((ns) => {
      const at = round(top + y.place(ns));
      return [
        `<line x1="${left}" y1="${at}" x2="${right}" y2="${at}" stroke="#dddddd"/>`,
        text(left - 8, at + 4, String(ns), 'text-anchor="end"'),
      ];
    }),
    ...x.ticks.flatMap((keys) => {
      const at = round(left + x.place(keys));
      return [
        `<line x1="${at}" y1="${bottom}" x2="${at}" y2="${bottom + 5}" stroke="#222222"/>`,
        text(at, bottom + 21, formatCount(keys), 'text-anchor="middle"'),
      ];
    }),
    `<path d="M${left} ${top}V${bottom}H${right}" fill="none" stroke="#222222"/>`,
    text(middle, top - 10, title, 'text-anchor="middle" font-weight="bold"'),
    text(middle, bottom + 46, 'keys in the table (log scale)', 'text-anchor="middle"'),
    ...(left === PANEL_LEFTS.integer
      ? [
          text(
            0,
            0,
            'ns per key (log scale)',
            `text-anchor="middle" transform="translate(24 ${top + PANEL.height / 2}) rotate(-90)"`,
          ),
        ]
      : []),
  ];
}

function line(
  rows: readonly HtgetRow[],
  color: string,
  x: (keys: number) => number,
  y: (ns: number) => number,
): string[] {
  const points = [...rows]
    .sort((a, b) => a.keys - b.keys)
    .map((row) => ({
      x: round(x(row.keys)),
      y: round(y(row.medianNs)),
      low: round(y(row.minNs)),
      high: round(y(row.maxNs)),
    }));
  if (points.length === 0) return [];
  const path = points.map((point) => `${point.x},${point.y}`).join(' ');
  return [
    `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>`,
    ...points.flatMap((point) => [
      `<line x1="${point.x}" y1="${point.low}" x2="${point.x}" y2="${point.high}" stroke="${color}" stroke-width="1.5"/>`,
      `<circle cx="${point.x}" cy="${point.y}" r="3.5" fill="${color}"/>`,
    ]),
  ];
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<text x="${x}" y="${y}" ${attributes}>${escaped}</text>`;
}

function round(pixels: number): number {
  return Number(pixels.toFixed(1));
}
