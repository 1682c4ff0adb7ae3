// Functions a second on one core: what a shard answers, what of its processor's time a call takes, and what the paper's
// number of cores would do if each did as much.
import path from 'node:path';
import { startServer } from '../../server/shredderd.ts';
import { ABOVE_PANELS, drawPlot, LEFT, logScaleAcross, logScaleUp, type Style } from '../plot.ts';
import { cpuUsOf } from '../processes.ts';
import { formatCount, formatTable } from '../table.ts';
import type { Figure, FigureOptions, MeasureFigure, PaperRow, PlotFigure } from './figure.ts';
import { libraryRequest } from './library.ts';
import { LoadGenerator, type Operation, type Request } from './load_generator.ts';
import { findRow, pointOver, spreadCell, valuesOf } from './rows.ts';
import { ONE_SHARD, runtimeOf } from './runtime.ts';
import { Samples } from './samples.ts';

const CASES = ['GET', 'FCALL'] as const;
type Case = (typeof CASES)[number];
/** What the paper measured, of functions as small, with kernel bypass. */
const PAPER = { cores: 16, least: 4e6, most: 5e6 };
/** What was measured, and what follows from it. */
const SERVED = 'ops/s';
const CPU = 'CPU us';
const ONE_CORE = 'ops/s of one core';
const EXTRAPOLATED = `ops/s of ${PAPER.cores} cores`;

export interface WorkPlan {
  rounds: number;
  /** Of a measurement, and of each kind of request before. */
  seconds: number;
  warmUpSeconds: number;
}

const QUICK: WorkPlan = { rounds: 3, seconds: 0.3, warmUpSeconds: 0.5 };
const FULL: WorkPlan = { rounds: 9, seconds: 1, warmUpSeconds: 1 };

const CONNECTIONS = 64;
/** Requests under way on each. */
const PIPELINES = [1, 4, 16, 64];
const KEYS = 512;
const VALUE_BYTES = 64;
const FIRST_BYTES = 4;
const US_PER_SECOND = 1e6;

export const measure: MeasureFigure = (options) =>
  measureWork(options, options.quick ? QUICK : FULL);

export async function measureWork({ config }: FigureOptions, plan: WorkPlan): Promise<Figure> {
  const { rounds, seconds } = plan;
  const { binDir } = await runtimeOf(config);
  const samples = new Samples('density');
  const server = await startServer({
    binary: path.join(binDir, 'shredderd'),
    flags: ONE_SHARD,
  });
  const generator = LoadGenerator.start(binDir);
  try {
    const values = Array.from({ length: KEYS }, (_, n): Request => ['SET', keyOf(n), valueOf(n)]);
    await generator.connect(server.port, [[await libraryRequest(), ...values]]);
    await generator.connect(
      server.port,
      Array.from({ length: CONNECTIONS }, () => []),
    );
    const cells = PIPELINES.flatMap((pipeline) => CASES.map((name) => ({ name, pipeline })));
    for (const name of CASES) {
      await generator.closed({ operations: operationsOf(name), seconds: plan.warmUpSeconds }, 1);
    }
    for (let round = 0; round < rounds; round++) {
      for (const { name, pipeline } of round % 2 === 0 ? cells : cells.toReversed()) {
        const before = await cpuUsOf(server.pid);
        const result = await generator.closed(
          { operations: operationsOf(name), seconds },
          pipeline,
        );
        const cpuUs = ((await cpuUsOf(server.pid)) - before) / result.operations;
        const add = (unit: string, value: number): void =>
          samples.add(name, { pipeline }, unit, value);
        add(SERVED, result.operations / result.seconds);
        add(CPU, cpuUs);
        add(ONE_CORE, US_PER_SECOND / cpuUs);
        add(EXTRAPOLATED, (PAPER.cores * US_PER_SECOND) / cpuUs);
      }
    }
  } finally {
    await generator.stop();
    await server.stop();
  }
  const rows = samples.rows();
  return { name: 'density', rows, table: format(rows), missing: [] };
}

function operationsOf(name: Case): Operation[] {
  return Array.from({ length: KEYS }, (_, n) =>
    name === 'GET'
      ? { request: ['GET', keyOf(n)], expect: valueOf(n), payloadBytes: VALUE_BYTES }
      : {
          request: ['FCALL', 'firstBytes', 1, keyOf(n)],
          expect: valueOf(n).slice(0, FIRST_BYTES),
          payloadBytes: FIRST_BYTES,
        },
  );
}

function keyOf(n: number): string {
  return `value:${n}`;
}

function valueOf(n: number): string {
  return String(n).padStart(FIRST_BYTES, '0').padEnd(VALUE_BYTES, '.');
}

function format(rows: readonly PaperRow[]): string {
  const units = [SERVED, CPU, ONE_CORE, EXTRAPOLATED];
  const lines = valuesOf<number>(rows, 'pipeline').flatMap((pipeline) =>
    CASES.map((name) => [
      `${name}, ${pipeline}`,
      ...units.map((unit) => spreadCell(findRow(rows, name, unit, { pipeline }))),
    ]),
  );
  return [
    `One shard, ${CONNECTIONS} connections with so many requests under way on each: what it answers a second, what a request takes of`,
    "the processors, all threads of the server and the kernel's part for it; what one core would answer that did nothing",
    `else; and ${PAPER.cores} cores, if none slowed another and the clients were elsewhere, which was not measured. The paper has`,
    `${formatCount(PAPER.least)} to ${formatCount(PAPER.most)} on ${PAPER.cores} cores, with kernel bypass. Median (min to max) of the rounds.`,
    '',
    formatTable(['request, pipeline', ...units], lines),
  ].join('\n');
}

const STYLES: Readonly<Record<Case, Style>> = {
  GET: { color: '#d55e00', label: 'GET' },
  FCALL: { color: '#0072b2', label: 'FCALL' },
};
const PAPER_STYLE: Style = { color: '#000000', label: `the paper, ${PAPER.cores} cores` };
const PANEL = { width: 385, height: 300 };
const LEFTS = [LEFT, 545];

export const plot: PlotFigure = (rows, subtitle) => {
  const pipelines = valuesOf<number>(rows, 'pipeline');
  const x = logScaleAcross(pipelines, PANEL.width, String);
  const paper = pipelines.map((pipeline) => ({
    x: pipeline,
    y: (PAPER.least + PAPER.most) / 2,
    low: PAPER.least,
    high: PAPER.most,
  }));
  const panels = [
    { title: 'one shard, as measured', unit: SERVED, beside: [] },
    {
      title: `${PAPER.cores} cores, extrapolated`,
      unit: EXTRAPOLATED,
      beside: [{ color: PAPER_STYLE.color, points: paper, joined: true }],
    },
  ];
  return drawPlot({
    title: 'Functions a second',
    subtitle,
    legend: [...CASES.map((name) => STYLES[name]), PAPER_STYLE],
    panels: panels.map(({ title, unit, beside }, index) => {
      const shown = rows.filter((row) => row.unit === unit);
      const series = CASES.map((name) => ({
        color: STYLES[name].color,
        points: shown.filter((row) => row.case === name).map(pointOver('pipeline')),
        joined: true,
      }));
      const all = [...series, ...beside];
      return {
        ...PANEL,
        title,
        left: LEFTS[index] ?? LEFT,
        top: ABOVE_PANELS,
        x,
        y: logScaleUp(
          all.flatMap(({ points }) => points.flatMap(({ low, high }) => [low, high])),
          PANEL.height,
        ),
        xLabel: 'requests under way on each connection (log scale)',
        yLabel: 'requests a second (log scale)',
        series: all,
      };
    }),
  });
};
