// Plots as SVG: panels with a logarithmic scale upwards, points with a bar from low to high, joined by lines or not.
import {
  CustomChart,
  LineChart,
  type CustomSeriesOption,
  type LineSeriesOption,
} from 'echarts/charts';
import { GraphicComponent, GridComponent } from 'echarts/components';
import { init, use, type EChartsCoreOption } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';

use([CustomChart, GraphicComponent, GridComponent, LineChart, SVGRenderer]);

/** A line's or a point's colour and name; colours that colour-blind readers tell apart (Okabe and Ito). */
export interface Style {
  color: string;
  label: string;
  dashed?: boolean | undefined;
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
  /** Whether it is a dashed one. */
  dashed?: boolean | undefined;
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
/** Room above the first panel, for the title and a row of the legend, and below the last, for its scale. */
export const ABOVE_PANELS = 120;
const BELOW_PANELS = 80;
/** Pixels of a legend's entry: its line, the space behind, a character, the space between. */
const LEGEND = { top: 71, line: 22, sample: 28, character: 7.2, gap: 22 };
/** Pixels of a further row of the legend, by which the panels lie further down. */
const LEGEND_ROW = 22;
/** Pixels of a dash and of the space behind it. */
const DASHES = [6, 4];
const TEXT = { color: '#222222', fontFamily: 'sans-serif', fontSize: 13 };
const BAR_WIDTH = 1.5;
const POINT_SIZE = 7;
/** Room between a panel's sides and its first and last place. */
const INSET = 30;

export function drawPlot({ title, subtitle, legend, panels: placed }: Plot): string {
  const entries = placeLegend(legend);
  const down = Math.max(0, ...entries.map(({ top }) => top - LEGEND.top));
  const panels = placed.map((panel) => ({ ...panel, top: panel.top + down }));
  const height = BELOW_PANELS + Math.max(...panels.map((panel) => panel.top + panel.height));
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  try {
    const option: EChartsCoreOption = {
      animation: false,
      backgroundColor: '#ffffff',
      textStyle: TEXT,
      graphic: [
        textAt(LEFT, 16, title, { fontSize: 19 }),
        textAt(LEFT, 44, subtitle, { fontSize: 12, fill: '#555555' }),
        ...entries.flatMap(drawEntry),
        ...panels.map(({ title: name, left, top, width }) =>
          textAt(left + width / 2, top - 23, name, { fontWeight: 'bold', align: 'center' }),
        ),
      ],
      grid: panels.map(({ left, top, width, height: tall }) => ({
        left,
        top,
        width,
        height: tall,
      })),
      // A scale places its values itself; what the axes have are pixels of their panel.
      xAxis: panels.map(({ x, width, xLabel }, gridIndex) => ({
        ...axisOf(x, width, gridIndex),
        splitLine: { show: false },
        axisTick: { show: true, customValues: x.ticks.map(x.place) },
        name: xLabel,
        nameGap: 36,
      })),
      yAxis: panels.map(({ y, height: tall, yLabel }, gridIndex) => ({
        ...axisOf(y, tall, gridIndex),
        inverse: true,
        axisTick: { length: 0, show: true, customValues: y.ticks.map(y.place) },
        splitLine: { lineStyle: { color: '#dddddd' } },
        name: yLabel ?? '',
        nameGap: 46,
      })),
      series: panels.flatMap((panel, index) =>
        panel.series.flatMap((series) => drawSeries(series, panel, index)),
      ),
    };
    chart.setOption(option);
    return `${chart.renderToSVGString()}\n`;
  } finally {
    // Until then it keeps the process.
    chart.dispose();
  }
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

function axisOf({ ticks, place, name }: Scale, max: number, gridIndex: number): object {
  const names = new Map(ticks.map((tick) => [place(tick), name(tick)]));
  return {
    type: 'value',
    gridIndex,
    min: 0,
    max,
    nameLocation: 'middle',
    nameTextStyle: TEXT,
    axisLine: { show: true, onZero: false, lineStyle: { color: TEXT.color } },
    axisLabel: {
      ...TEXT,
      customValues: [...names.keys()],
      formatter: (at: number) => names.get(at) ?? '',
    },
  };
}

function drawSeries(
  { color, points, joined, dashed = false }: Series,
  { x, y }: Panel,
  index: number,
): (LineSeriesOption | CustomSeriesOption)[] {
  if (points.length === 0) return [];
  const common = { silent: true, xAxisIndex: index, yAxisIndex: index } as const;
  return [
    {
      ...common,
      type: 'custom',
      data: points.map((point) => [x.place(point.x), y.place(point.low), y.place(point.high)]),
      encode: { x: 0, y: [1, 2] },
      renderItem: (_, api) => {
        const [x1, y1] = api.coord([api.value(0), api.value(1)]);
        const [x2, y2] = api.coord([api.value(0), api.value(2)]);
        return {
          type: 'line',
          shape: { x1: x1!, y1: y1!, x2: x2!, y2: y2! },
          style: { stroke: color, lineWidth: BAR_WIDTH },
        };
      },
    },
    {
      ...common,
      type: 'line',
      data: points.map((point) => [x.place(point.x), y.place(point.y)]),
      symbol: 'circle',
      symbolSize: POINT_SIZE,
      showAllSymbol: true,
      itemStyle: { color },
      lineStyle: { color, width: joined ? 2 : 0, type: dashed ? DASHES : 'solid' },
    },
  ];
}

interface LegendEntry extends Style {
  left: number;
  top: number;
}

/** The entries in a row, and in further ones where they do not all have room. */
function placeLegend(styles: readonly Style[]): LegendEntry[] {
  let left = LEFT;
  let top = LEGEND.top;
  return styles.map((style) => {
    const width = LEGEND.sample + Math.round(style.label.length * LEGEND.character);
    if (left + width > WIDTH) {
      left = LEFT;
      top += LEGEND_ROW;
    }
    const entry = { ...style, left, top };
    left += width + LEGEND.gap;
    return entry;
  });
}

function drawEntry({ label, color, dashed = false, left, top }: LegendEntry): object[] {
  const y = top + TEXT.fontSize / 2;
  return [
    {
      type: 'line',
      silent: true,
      shape: { x1: left, y1: y, x2: left + LEGEND.line, y2: y },
      style: { stroke: color, lineWidth: 2.5, lineDash: dashed ? DASHES : 'solid' },
    },
    textAt(left + LEGEND.sample, top, label),
  ];
}

function textAt(x: number, y: number, text: string, style: object = {}): object {
  return {
    type: 'text',
    silent: true,
    x,
    y,
    style: { ...TEXT, fill: TEXT.color, text, ...style },
  };
}
