// What a quiet tenant notices, as an SVG: a panel a case, and in it for each noise and kind of request a point at the
// 99th percentile on a bar from the median to the 99.9th.
import {
  NEIGHBOURS,
  NEIGHBOURS_CASES,
  QUIET_REQUESTS,
  type NeighboursRow,
  type QuietRequest,
} from './neighbours.ts';
import { ABOVE_PANELS, drawPlot, LEFT, logScaleUp, type Scale, type Style, WIDTH } from './plot.ts';

const STYLES: Readonly<Record<QuietRequest, Style>> = {
  PING: { color: '#000000', label: 'PING' },
  GET: { color: '#0072b2', label: 'GET' },
  FCALL: { color: '#d55e00', label: 'FCALL' },
};

const PANEL = { left: LEFT, width: WIDTH - LEFT - 30, height: 240, pitch: 345 };
/** From a noise's place to that of the next, from one kind of request to the next. */
const REQUEST_OFFSET = 0.2;

/** @param subtitle One line, such as the machine. */
export function plotNeighbours(rows: readonly NeighboursRow[], subtitle: string): string {
  const noises = NEIGHBOURS.filter((noise) => rows.some((row) => row.noise === noise));
  const cases = NEIGHBOURS_CASES.filter((name) => rows.some((row) => row.case === name));
  const y = logScaleUp(
    rows.flatMap((row) => [row.p50Us, row.p999Us].flatMap((spread) => spread?.median ?? [])),
    PANEL.height,
  );
  const x: Scale = {
    place: (index) => ((index + 0.5) / noises.length) * PANEL.width,
    ticks: noises.map((_, index) => index),
    name: (index) => (noises[index] === 'none' ? 'alone' : (noises[index] ?? '')),
  };
  return drawPlot({
    title: "A quiet tenant's requests beside a noisy tenant: p50, p99 (the point) and p99.9",
    subtitle,
    legend: QUIET_REQUESTS.map((name) => STYLES[name]),
    panels: cases.map((name, index) => ({
      ...PANEL,
      title: name,
      top: ABOVE_PANELS + index * PANEL.pitch,
      x,
      y,
      xLabel: 'noise',
      yLabel: 'us (log scale)',
      series: QUIET_REQUESTS.map((request, at) => ({
        color: STYLES[request].color,
        points: rows
          .filter((row) => row.case === name && row.request === request)
          .flatMap(({ noise, p50Us, p99Us, p999Us }) =>
            p50Us === undefined || p99Us === undefined || p999Us === undefined
              ? []
              : {
                  x: noises.indexOf(noise) + (at - 1) * REQUEST_OFFSET,
                  y: p99Us.median,
                  low: p50Us.median,
                  high: p999Us.median,
                },
          ),
        joined: false,
      })),
    })),
  });
}
