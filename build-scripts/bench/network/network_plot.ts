// What a client waits, and what one core answers, over the number of connections.
import { pointOver, valuesOf } from '../paper/rows.ts';
import { ABOVE_PANELS, drawPlot, LEFT, logScaleAcross, logScaleUp, type Style } from '../plot.ts';
import { formatCount } from '../table.ts';
import { P50, RATE, transportsOf, type NetworkRow } from './cases.ts';
import type { Transport } from './transports.ts';

const STYLES: Readonly<Record<Transport, Style>> = {
  memif: { color: '#d55e00', label: 'memif, without the kernel' },
  io_uring: { color: '#0072b2', label: 'loopback, io_uring' },
  epoll: { color: '#009e73', label: 'loopback, epoll' },
  'veth, AF_XDP': { color: '#cc79a7', label: 'veth, AF_XDP' },
  'veth, io_uring': { color: '#56b4e9', label: 'veth, io_uring' },
};
const PANEL = { width: 385, height: 300 };
const LEFTS = [LEFT, 545];

export function plotNetwork(rows: readonly NetworkRow[], subtitle: string): string {
  const gets = rows.filter((row) => row.at['request'] === 'GET' && row.at['loop'] === 'closed');
  const transports = transportsOf(rows);
  const x = logScaleAcross(valuesOf<number>(gets, 'connections'), PANEL.width, formatCount);
  return drawPlot({
    title: 'GET, one under way on each connection',
    subtitle,
    legend: transports.map((transport) => STYLES[transport]),
    panels: [
      { title: 'what a client waits', unit: P50, yLabel: 'microseconds at the median (log scale)' },
      { title: 'what one core answers', unit: RATE, yLabel: 'requests a second (log scale)' },
    ].map(({ title, unit, yLabel }, index) => {
      const series = transports.map((transport) => ({
        color: STYLES[transport].color,
        points: gets
          .filter((row) => row.unit === unit && row.case === transport)
          .map(pointOver('connections')),
        joined: true,
      }));
      return {
        ...PANEL,
        title,
        left: LEFTS[index] ?? LEFT,
        top: ABOVE_PANELS,
        x,
        y: logScaleUp(
          series.flatMap(({ points }) => points.flatMap(({ low, high }) => [low, high])),
          PANEL.height,
        ),
        xLabel: 'connections (log scale)',
        yLabel,
        series,
      };
    }),
  });
}
