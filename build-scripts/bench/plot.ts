// Plots as SVG: panels with a logarithmic scale upwards, points with a bar from low to high, joined by lines or not.

/** A line's or a point's colour and name; colours that colour-blind readers tell apart (Okabe and Ito). */
export interface Style {
  color: string;
  label: string;
}

export interface Scale {
  /** Pixels of a value from the panel's left side or top. */
  place: (value: number) => number;
  ticks: readonly number[];
  /** What is written beside a tick. */
  name: (tick: number) => string;
}

export interface Point {
  x: number;
  y: number;
  /** Ends of the bar. */
  low: number;
  high: number;
}

export interface Series {
  color: string;
  points: readonly Point[];
  /** Whether a line goes from point to point. */
  joined: boolean;
}

export interface Panel {
  title: string;
  left: number;
  top: number;
  width: number;
  height: number;
  x: Scale;
  y: Scale;
  xLabel: string;
  /** Absent where the panel to the left has it. */
  yLabel?: string | undefined;
  series: readonly Series[];
}

export interface Plot {
  title: string;
  /** One line, such as the machine. */
  subtitle: string;
  legend: readonly Style[];
  panels: readonly Panel[];
}

export const WIDTH = 960;
/** Where the title and the panels of the first column begin. */
export const LEFT = 75;
/** Room above the first panel, for the title and the legend, and below the last, for its scale. */
export const ABOVE_PANELS = 120;
const BELOW_PANELS = 80;
/** Pixels of a legend's entry: its line and the space behind, a character, the space between. */
const LEGEND = { sample: 28, character: 6.5, gap: 14 };
/** Room between a panel's sides and its first and last place. */
const INSET = 30;

export function drawPlot({ title, subtitle, legend, panels }: Plot): string {
  const height = BELOW_PANELS + Math.max(...panels.map((panel) => panel.top + panel.height));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13" fill="#222222">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(LEFT, 32, title, 'font-size="19"'),
    text(LEFT, 54, subtitle, 'font-size="12" fill="#555555"'),
    ...drawLegend(legend),
    ...panels.flatMap((panel) => [
      ...drawAxes(panel),
      ...panel.series.flatMap((series) => drawSeries(series, panel)),
    ]),
    '</svg>',
    '',
  ].join('\n');
}

/** Logarithmic, with a tick at each of the values. */
export function logScaleAcross(
  values: readonly number[],
  width: number,
  name: (value: number) => string,
): Scale {
  const low = Math.log(values[0] ?? 1);
  const span = Math.log(values.at(-1) ?? 1) - low || 1;
  return {
    place: (value) => INSET + ((Math.log(value) - low) / span) * (width - 2 * INSET),
    ticks: values,
    name,
  };
}

/** Logarithmic, from a 1, 2 or 5 times a power of ten below every value to one above. */
export function logScaleUp(values: readonly number[], height: number): Scale {
  const low = Math.min(...values.map(positive));
  const high = Math.max(...values.map(positive));
  const steps: number[] = [];
  for (let decade = LEAST; decade < 1e9; decade *= 10) {
    steps.push(...[1, 2, 5].map((digit) => Number((digit * decade).toPrecision(1))));
  }
  const first = steps.findLastIndex((step) => step <= low);
  const last = steps.findIndex((step) => step >= high);
  const ticks = steps.slice(Math.max(0, first), last === -1 ? undefined : last + 1);
  const bottom = Math.log(ticks[0] ?? LEAST);
  const span = Math.log(ticks.at(-1) ?? 1) - bottom || 1;
  return {
    place: (value) => height * (1 - (Math.log(positive(value)) - bottom) / span),
    ticks,
    name: shortCount,
  };
}

/** A logarithm needs a value above 0; what is less than this is noise. */
const LEAST = 0.1;

/** A tick's number in the little room beside a panel: 20000 is 20k. */
function shortCount(tick: number): string {
  if (tick >= 1e6) return `${tick / 1e6}M`;
  return tick >= 10_000 ? `${tick / 1_000}k` : String(tick);
}

function positive(value: number): number {
  return Math.max(LEAST, value);
}

function drawLegend(styles: readonly Style[]): string[] {
  let left = LEFT;
  return styles.flatMap(({ label, color }) => {
    const at = left;
    left += LEGEND.sample + LEGEND.gap + Math.round(label.length * LEGEND.character);
    return [
      `<line x1="${at}" y1="78" x2="${at + 22}" y2="78" stroke="${color}" stroke-width="2.5"/>`,
      text(at + LEGEND.sample, 82, label),
    ];
  });
}

function drawAxes({ title, left, top, width, height, x, y, xLabel, yLabel }: Panel): string[] {
  const right = left + width;
  const bottom = top + height;
  const middle = left + width / 2;
  return [
    ...y.ticks.flatMap((tick) => {
      const at = round(top + y.place(tick));
      return [
        `<line x1="${left}" y1="${at}" x2="${right}" y2="${at}" stroke="#dddddd"/>`,
        text(left - 8, at + 4, y.name(tick), 'text-anchor="end"'),
      ];
    }),
    ...x.ticks.flatMap((tick) => {
      const at = round(left + x.place(tick));
      return [
        `<line x1="${at}" y1="${bottom}" x2="${at}" y2="${bottom + 5}" stroke="#222222"/>`,
        text(at, bottom + 21, x.name(tick), 'text-anchor="middle"'),
      ];
    }),
    `<path d="M${left} ${top}V${bottom}H${right}" fill="none" stroke="#222222"/>`,
    text(middle, top - 10, title, 'text-anchor="middle" font-weight="bold"'),
    text(middle, bottom + 46, xLabel, 'text-anchor="middle"'),
    ...(yLabel === undefined
      ? []
      : [
          text(
            0,
            0,
            yLabel,
            `text-anchor="middle" transform="translate(${left - 51} ${top + height / 2}) rotate(-90)"`,
          ),
        ]),
  ];
}

function drawSeries({ color, points, joined }: Series, { left, top, x, y }: Panel): string[] {
  if (points.length === 0) return [];
  const placed = points.map((point) => ({
    x: round(left + x.place(point.x)),
    y: round(top + y.place(point.y)),
    low: round(top + y.place(point.low)),
    high: round(top + y.place(point.high)),
  }));
  const path = placed.map((point) => `${point.x},${point.y}`).join(' ');
  return [
    ...(joined
      ? [`<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>`]
      : []),
    ...placed.flatMap((point) => [
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
