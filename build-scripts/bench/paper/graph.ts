// Friends within 1 to 4 hops over real graphs: a function, other stores' functions, native code, and clients that fetch
// the lists.
import path from 'node:path';
import type { Config } from '../../config.ts';
import { UserError } from '../../errors.ts';
import { readFacebook } from '../../graph/data_sets.ts';
import { readDebianPackages } from '../../graph/debian.ts';
import { readEdgeList } from '../../graph/edge_list.ts';
import type { Graph } from '../../graph/graph.ts';
import { readWordNet } from '../../graph/wordnet.ts';
import { ensurePackages } from '../../system/packages.ts';
import { Steps } from '../../ui/steps.ts';
import { khopQuestions, measureKhop, type KhopPlan, type KhopRow } from '../khop.ts';
import { FURTHER_KHOP_CASES, KHOP_CASES, type KhopCase } from '../khop_answerers.ts';
import { ABOVE_PANELS, drawPlot, LEFT, logScaleAcross, logScaleUp, type Style } from '../plot.ts';
import { formatCount, formatMeasured, formatRatio, formatTable } from '../table.ts';
import type { MeasureFigure, PaperRow, PlotFigure } from './figure.ts';
import { findRow, pointOver, spreadCell, valuesOf } from './rows.ts';
import { runtimeOf } from './runtime.ts';

interface Plan extends Omit<KhopPlan, 'install' | 'cases'> {
  /** The best-connected ones, from which the traversals begin. */
  nodes: number;
}

export const GRAPH_CASES: readonly KhopCase[] = [...KHOP_CASES, ...FURTHER_KHOP_CASES];

const QUICK: Plan = {
  nodes: 1,
  rounds: 3,
  maxLookups: { 'client-key': 30_000, 'client-level': 100_000 },
};
const FULL: Plan = {
  nodes: 3,
  rounds: 7,
  maxLookups: { 'client-key': 300_000, 'client-level': 1_000_000 },
};

/** What is set in relation; the paper's own figures are of the first two. */
const RATIOS: readonly (readonly [over: KhopCase, under: KhopCase])[] = [
  ['client-key', 'shredder'],
  ['shredder-callback', 'shredder'],
  ['client-level', 'shredder'],
  ['client-distinct', 'shredder-distinct'],
  ['redis-lua', 'shredder'],
  ['tarantool', 'shredder'],
  ['shredder', 'native-store'],
];

const ID_BYTES = 4;

export const measure: MeasureFigure = async ({ config, quick, note, graphFile }) => {
  const plan = quick ? QUICK : FULL;
  const { binDir } = await runtimeOf(config);
  const rows: PaperRow[] = [];
  const missing: string[] = [];
  const titles = new Map<string, string>();
  const install = installerFor(config);
  for (const [name, read] of sourcesOf(config, graphFile)) {
    note(`graph: ${name}`);
    const graph = await readIfThere(name, read, missing);
    if (graph === undefined) continue;
    titles.set(name, describe(graph));
    const result = await measureKhop(
      graph,
      khopQuestions(graph, plan.nodes),
      binDir,
      { ...plan, cases: GRAPH_CASES, install },
      () => {},
    );
    missing.push(
      ...result.notes.map((line) => line.replace('NOT MEASURED: ', `NOT MEASURED: ${name}, `)),
    );
    rows.push(...rowsOf(name, result.rows));
  }
  return { name: 'graph', rows, table: formatGraph(rows, titles), missing };
};

type Source = [name: string, read: () => Promise<Graph>];

/** The paper's graph, two larger ones that packages ship, and the user's. */
function sourcesOf({ repository }: Config, graphFile: string | undefined): Source[] {
  const sources: Source[] = [
    ['ego-Facebook', () => readFacebook(repository)],
    ['WordNet', readWordNet],
    ["Debian's packages", readDebianPackages],
  ];
  if (graphFile !== undefined) {
    sources.push([path.basename(graphFile), () => readEdgeList(graphFile)]);
  }
  return sources;
}

async function readIfThere(
  name: string,
  read: () => Promise<Graph>,
  missing: string[],
): Promise<Graph | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const remedy = error.remedy === undefined ? '' : ` ${error.remedy}`;
    missing.push(`NOT MEASURED: ${name}: ${error.message}.${remedy}`);
    return undefined;
  }
}

/** Installs packages as they are first asked for; what cannot be had is not tried again for the next graph. */
function installerFor({ cache }: Config): KhopPlan['install'] {
  const log = path.join(cache, 'logs', 'packages.log');
  const tried = new Map<string, Promise<void>>();
  return async (packages) => {
    for (const wanted of packages) {
      const attempt =
        tried.get(wanted.name) ??
        new Steps().run(`Package ${wanted.name}`, (step) => ensurePackages([wanted], step, log));
      tried.set(wanted.name, attempt);
      await attempt;
    }
  };
}

function describe({ title, nodeCount, edgeCount }: Graph): string {
  return `${title}; ${formatCount(nodeCount)} nodes, ${formatCount(edgeCount)} edges`;
}

/** What was measured of a graph; what the function reads a second; ratios of the medians. */
export function rowsOf(graph: string, measured: readonly KhopRow[]): PaperRow[] {
  const times = measured.map(
    ({ case: name, node, hops, lookups, medianUs, minUs, maxUs }): PaperRow => ({
      figure: 'graph',
      case: name,
      at: { graph, node, hops, lookups },
      unit: 'us',
      median: medianUs,
      min: minUs,
      max: maxUs,
    }),
  );
  const rates = measured
    .filter((row) => row.case === 'shredder-read')
    .map(({ node, hops, lookups, answer, medianUs, minUs, maxUs }): PaperRow => {
      // The answer counts the ids in all lists that are looked up; bytes a nanosecond are GB a second.
      const rate = (us: number): number => (ID_BYTES * answer) / (1_000 * us);
      return {
        figure: 'graph',
        case: 'shredder-read',
        at: { graph, node, hops, lookups },
        unit: 'GB/s',
        median: rate(medianUs),
        min: rate(maxUs),
        max: rate(minUs),
      };
    });
  const ratios = times
    .filter((row) => row.case === 'shredder')
    .flatMap(({ at }) =>
      RATIOS.flatMap(([over, under]): PaperRow[] => {
        const [a, b] = [over, under].map((name) => findRow(times, name, 'us', at)?.median);
        if (a === undefined || b === undefined) return [];
        const [median, min, max] = [a / b, a / b, a / b];
        return [{ figure: 'graph', case: `${over}/${under}`, at, unit: 'ratio', median, min, max }];
      }),
    );
  return [...times, ...rates, ...ratios];
}

/** The rows as tables: one for each node, a line a case and ratio, a column for each number of hops. */
export function formatGraph(
  rows: readonly PaperRow[],
  titles: ReadonlyMap<string, string>,
): string {
  return [
    'countFriends from the best-connected nodes, in microseconds: median (min to max). Native is the traversal alone, all',
    'else what a client waits on the loopback.',
    ...valuesOf<string>(rows, 'graph').flatMap((graph) => {
      const ofGraph = rows.filter((row) => row.at['graph'] === graph);
      return [
        '',
        titles.get(graph) ?? graph,
        ...valuesOf<number>(ofGraph, 'node').map((node) =>
          formatNode(
            node,
            ofGraph.filter((row) => row.at['node'] === node),
          ),
        ),
      ];
    }),
  ].join('\n');
}

function formatNode(node: number, rows: readonly PaperRow[]): string {
  const hops = valuesOf<number>(rows, 'hops').sort((a, b) => a - b);
  const line = (title: string, cell: (hop: number) => string): string[] => [
    title,
    ...hops.map(cell),
  ];
  const lines = [
    line('lookups', (hop) => {
      return formatCount(Number(rows.find((row) => row.at['hops'] === hop)?.at['lookups']));
    }),
    ...GRAPH_CASES.map((name) =>
      line(name, (hop) => spreadCell(findRow(rows, name, 'us', { hops: hop }))),
    ),
    ...RATIOS.map(([over, under]) => `${over}/${under}`).map((name) =>
      line(name, (hop) => formatRatio(findRow(rows, name, 'ratio', { hops: hop })?.median, 1)),
    ),
    line('shredder-read, GB/s', (hop) => {
      const rate = findRow(rows, 'shredder-read', 'GB/s', { hops: hop })?.median;
      return rate === undefined ? '' : formatMeasured(rate);
    }),
  ].filter(([, ...cells]) => cells.some((cell) => cell !== ''));
  return `\n${formatTable([`node ${node}`, ...hops.map((hop) => (hop === 1 ? '1 hop' : `${hop} hops`))], lines)}`;
}

const STYLES: Readonly<Partial<Record<KhopCase, Style>>> = {
  'native-store': { color: '#000000', label: 'native' },
  'shredder': { color: '#0072b2', label: 'function' },
  'shredder-callback': { color: '#56b4e9', label: 'callback' },
  'redis-lua': { color: '#cc79a7', label: 'Redis, Lua' },
  'tarantool': { color: '#e69f00', label: 'Tarantool' },
  'client-level': { color: '#009e73', label: 'client by level' },
  'client-key': { color: '#d55e00', label: 'client by key' },
};
const PANEL = { width: 250, height: 330, pitch: 295 };

/** A panel a graph: the best-connected node's times over the hops. */
export const plot: PlotFigure = (rows, subtitle) => {
  const times = rows.filter((row) => row.unit === 'us' && STYLES[row.case as KhopCase]);
  const y = logScaleUp(
    times.flatMap((row) => [row.min, row.max]),
    PANEL.height,
  );
  const hops = valuesOf<number>(times, 'hops').sort((a, b) => a - b);
  const panels = valuesOf<string>(times, 'graph').map((graph, index) => {
    const ofGraph = times.filter((row) => row.at['graph'] === graph);
    const [node] = valuesOf<number>(ofGraph, 'node');
    return {
      title: `${graph}, node ${node}`,
      left: LEFT + index * PANEL.pitch,
      top: ABOVE_PANELS,
      width: PANEL.width,
      height: PANEL.height,
      x: logScaleAcross(hops, PANEL.width, String),
      y,
      xLabel: 'hops',
      yLabel: index === 0 ? 'microseconds (log scale)' : undefined,
      series: Object.entries(STYLES).map(([name, { color }]) => ({
        color,
        points: ofGraph
          .filter((row) => row.case === name && row.at['node'] === node)
          .map(pointOver('hops')),
        joined: true,
      })),
    };
  });
  return drawPlot({
    title: 'Friends within so many hops',
    subtitle,
    legend: Object.values(STYLES),
    panels,
  });
};
