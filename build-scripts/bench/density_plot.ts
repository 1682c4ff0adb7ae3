// What many tenants cost, as an SVG: a panel a figure over the number of tenants, both logarithmic, a line a case.
import { DENSITY_CASES, type DensityRow } from './density.ts';
import { ABOVE_PANELS, drawPlot, LEFT, logScaleAcross, logScaleUp } from './plot.ts';
import { formatCount } from './table.ts';

/** Of the cases, in their order. */
const COLORS = ['#0072b2', '#d55e00', '#000000', '#009e73'];

interface Figure {
  title: string;
  of: (row: DensityRow) => number | undefined;
}

/** Figures of one unit, which share a scale. */
interface Unit {
  label: string;
  figures: readonly Figure[];
}

const UNITS: readonly Unit[] = [
  {
    label: 'KiB a tenant (log scale)',
    figures: [
      { title: 'memory: made', of: (row) => kib(row.bareBytes) },
      { title: 'memory: with its JavaScript', of: (row) => kib(row.loadedBytes) },
      { title: 'memory: JavaScript given up', of: (row) => kib(row.idleBytes) },
    ],
  },
  {
    label: 'us (log scale)',
    figures: [
      { title: 'first call after that', of: (row) => row.coldUs?.median },
      { title: 'call to the same tenant', of: (row) => row.sameUs },
      { title: 'call to another tenant', of: (row) => row.switchUs },
    ],
  },
  {
    label: 'calls a second (log scale)',
    figures: [
      { title: 'calls to one tenant', of: (row) => row.one.medianRps },
      { title: 'calls spread over all', of: (row) => row.spread.medianRps },
    ],
  },
  {
    label: 'us of CPU a call (log scale)',
    figures: [
      { title: 'CPU: calls to one tenant', of: (row) => row.one.medianCpuUs },
      { title: 'CPU: calls spread over all', of: (row) => row.spread.medianCpuUs },
    ],
  },
];

const PANEL = { width: 385, height: 200, pitch: 305 };
const LEFTS = [LEFT, 545];

/** @param subtitle One line, such as the machine. */
export function plotDensity(rows: readonly DensityRow[], subtitle: string): string {
  const cases = DENSITY_CASES.filter((name) => rows.some((row) => row.case === name));
  const tenants = [...new Set(rows.map((row) => row.tenants))].sort((a, b) => a - b);
  const styles = cases.map((name) => ({
    color: COLORS[DENSITY_CASES.indexOf(name) % COLORS.length] ?? '',
    label: name,
  }));
  const x = logScaleAcross(tenants, PANEL.width, formatCount);
  const shown = UNITS.map((unit) => ({
    ...unit,
    values: rows.flatMap((row) => unit.figures.flatMap((figure) => figure.of(row) ?? [])),
  })).filter((unit) => unit.values.length > 0);
  const figures = shown.flatMap(({ label, figures: all, values }) => {
    const y = logScaleUp(values, PANEL.height);
    return all.map((figure) => ({ ...figure, label, y }));
  });
  return drawPlot({
    title: 'What many tenants cost',
    subtitle,
    legend: styles,
    panels: figures.map(({ title, of, label, y }, index) => ({
      ...PANEL,
      title,
      left: LEFTS[index % LEFTS.length] ?? LEFT,
      top: ABOVE_PANELS + Math.floor(index / LEFTS.length) * PANEL.pitch,
      x,
      y,
      xLabel: 'tenants (log scale)',
      yLabel: label,
      series: styles.map(({ color, label: name }) => ({
        color,
        points: rows
          .filter((row) => row.case === name)
          .sort((a, b) => a.tenants - b.tenants)
          .flatMap((row) => {
            const value = of(row);
            return value === undefined ? [] : { x: row.tenants, y: value, low: value, high: value };
          }),
        joined: true,
      })),
    })),
  });
}

function kib(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : bytes / 1_024;
}
