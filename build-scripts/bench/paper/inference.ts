// A small network classifies digits: where they and it lie, or where they are fetched to; and what native code takes.
import { UserError } from '../../errors.ts';
import { ABOVE_PANELS, drawPlot, LEFT, logScaleAcross, logScaleUp, type Style } from '../plot.ts';
import { formatBytes, formatRatio, formatTable } from '../table.ts';
import { takeTurn } from '../turn.ts';
import { readDigits, resize, type Digits } from './digits.ts';
import type { Figure, MeasureFigure, PaperRow, PlotFigure } from './figure.ts';
import {
  classifyInProcess,
  classifyOverTheWire,
  CLASSIFIERS,
  inferenceLibraries,
  type Batches,
  type Classifier,
  type ClassifierName,
  type Libraries,
  type Task,
} from './inference_classifiers.ts';
import {
  accuracyOf,
  classify,
  enlarge,
  train,
  type Network,
  type Training,
} from './neural_network.ts';
import { findRow, pointOver, spreadCell, valuesOf } from './rows.ts';
import { runtimeOf } from './runtime.ts';
import { Samples } from './samples.ts';

export interface InferencePlan {
  /** Pixels of a picture's side. Of one picture a call, all of them; of the other batches, the package's own size. */
  sides: readonly number[];
  batches: readonly number[];
  /** In the store, at most, of those for the test; of large ones as many as `DATA_BYTES` hold. */
  pictures: number;
  rounds: number;
  training: Training;
}

const TRAINING: Training = { hiddenUnits: 128, epochs: 3, rate: 0.05, seed: 1 };
const QUICK: InferencePlan = {
  sides: [7, 28, 112],
  batches: [1, 8, 64],
  pictures: 1_000,
  rounds: 3,
  training: TRAINING,
};
const FULL: InferencePlan = {
  sides: [7, 14, 28, 56, 112],
  batches: [1, 2, 4, 8, 16, 32, 64],
  pictures: 2_000,
  rounds: 15,
  training: TRAINING,
};

const DATA_BYTES = 16 * 1024 ** 2;
/** A network that knows less than this has not been trained. */
const LEAST_ACCURACY = 0.9;
/** What adds up as the training's network does. */
const IN_FLOAT64: readonly ClassifierName[] = ['javascript', 'function', 'client'];
/** Where two digits have nearly the same score, float32 and float64 may differ; in one picture of so many. */
const PICTURES_PER_DIFFERENCE = 200;

export const measure: MeasureFigure = async ({ config, quick, note }) => {
  const { binDir } = await runtimeOf(config);
  return await measureInference(binDir, quick ? QUICK : FULL, note);
};

/** @param binDir Folder of shredderd and the bench program. */
export async function measureInference(
  binDir: string,
  plan: InferencePlan,
  note: (line: string) => void,
): Promise<Figure> {
  const digits = await readDigits();
  const libraries = await inferenceLibraries();
  const samples = new Samples('inference');
  for (const side of plan.sides) {
    note(`inference: pictures of ${side} by ${side} pixels`);
    const task = makeTask(digits, side, plan);
    const batches = side === digits.side ? plan.batches : [1];
    await measureTask(task, batches, plan.rounds, libraries, binDir, samples);
  }
  const rows = withDerived(samples.rows());
  return { name: 'inference', rows, table: formatInference(rows), missing: [] };
}

/** Small pictures have a network of their own; for large ones, that of the package's pictures is enlarged. */
function makeTask(digits: Digits, side: number, { training, pictures: most }: InferencePlan): Task {
  const { training: pictures, test } = resize(digits, Math.min(side, digits.side));
  const network = train(pictures, training);
  const [shown, shownNetwork]: [Digits['test'], Network] =
    side > digits.side
      ? [resize(digits, side).test, enlarge(network, side / digits.side)]
      : [test, network];
  const count = Math.min(most, DATA_BYTES / (4 * side ** 2));
  return { pictures: shown.slice(0, count), network: shownNetwork };
}

/** What a way to classify answers, picture by picture, when it is first asked. */
type Answers = ReadonlyMap<ClassifierName, readonly number[]>;

async function measureTask(
  task: Task,
  batches: readonly number[],
  rounds: number,
  libraries: Libraries,
  binDir: string,
  samples: Samples,
): Promise<void> {
  const classifiers: Classifier[] = [];
  try {
    classifiers.push(await classifyInProcess(task, libraries, binDir));
    classifiers.push(await classifyOverTheWire(task, libraries, binDir));
    const at = { inputBytes: 4 * task.network.hidden.inputs };
    const answers = await classifyAll(task, batches, classifiers);
    for (const [name, digits] of answers) {
      samples.add(name, at, 'accuracy', accuracyOf(digits, task.pictures));
    }
    // The first round does not count: it is where code gets optimised.
    for (let round = 0; round <= rounds; round++) {
      for (const batch of batches) {
        for (const classifier of round % 2 === 0 ? classifiers : classifiers.toReversed()) {
          for (const name of classifier.names) {
            const { us } = await takeTurn(async (calls) => {
              const asked = { first: (round * batch) % task.pictures.length, batch, calls };
              const timed = await classifier.classify(name, asked);
              requireAnswers(name, asked, timed.answer, answers.get(name) ?? []);
              return timed;
            });
            if (round > 0) samples.add(name, { ...at, batch }, 'us', us);
          }
        }
      }
    }
  } finally {
    for (const classifier of classifiers) await classifier.stop();
  }
}

/** Has each classify all pictures, in calls of each size, and holds the digits to those of the trained network. */
async function classifyAll(
  task: Task,
  batches: readonly number[],
  classifiers: readonly Classifier[],
): Promise<Answers> {
  const own = task.pictures.map(({ pixels }) => classify(task.network, pixels));
  requireAccuracy('the trained network', accuracyOf(own, task.pictures));
  const answers = new Map<ClassifierName, readonly number[]>();
  for (const classifier of classifiers) {
    for (const name of classifier.names) {
      for (const batch of batches) {
        const calls = Math.ceil(task.pictures.length / batch);
        const { answer } = await classifier.classify(name, { first: 0, batch, calls });
        const digits = answer.slice(0, task.pictures.length);
        requireAnswers(name, { first: 0, batch, calls: 1 }, digits, answers.get(name) ?? digits);
        answers.set(name, digits);
      }
      requireAgreement(name, answers.get(name) ?? [], own);
    }
  }
  return answers;
}

export function requireAccuracy(name: string, accuracy: number): void {
  if (accuracy >= LEAST_ACCURACY) return;
  throw new UserError(
    `${name} knows ${(100 * accuracy).toFixed(1)} % of the pictures, and ${100 * LEAST_ACCURACY} % is the least`,
  );
}

/** JavaScript does exactly what the training's does; the others add up in float32, and may differ in few pictures. */
export function requireAgreement(
  name: ClassifierName,
  digits: readonly number[],
  own: readonly number[],
): void {
  const differences = own.filter((digit, index) => digits[index] !== digit).length;
  const most = IN_FLOAT64.includes(name) ? 0 : own.length / PICTURES_PER_DIFFERENCE;
  if (digits.length === own.length && differences <= most) return;
  throw new UserError(
    `${name} takes ${differences} of ${own.length} pictures for something else than the trained network`,
  );
}

/** Every call answers what the first one did. */
function requireAnswers(
  name: ClassifierName,
  { first }: Batches,
  given: readonly number[],
  right: readonly number[],
): void {
  const at = given.findIndex((digit, index) => digit !== right[(first + index) % right.length]);
  if (at === -1) return;
  const picture = (first + at) % right.length;
  throw new UserError(
    `${name} takes picture ${picture} for ${given[at]}, and took it for ${right[picture]} before`,
  );
}

const RATIOS: readonly { name: string; of: ClassifierName; to: ClassifierName }[] = [
  { name: 'native-o3/native-o2', of: 'native-o3', to: 'native-o2' },
  { name: 'wasm/native-o2', of: 'wasm', to: 'native-o2' },
  { name: 'wasm-simd/native-o2', of: 'wasm-simd', to: 'native-o2' },
  { name: 'javascript/native-o2', of: 'javascript', to: 'native-o2' },
  { name: 'client/function', of: 'client', to: 'function' },
  { name: 'client/function-wasm', of: 'client', to: 'function-wasm' },
];

/** The rows, and what follows from their medians: ratios, and the input from which on the function is faster. */
function withDerived(rows: readonly PaperRow[]): PaperRow[] {
  const derived = (name: string, at: PaperRow['at'], unit: string, value: number): PaperRow => {
    return { figure: 'inference', case: name, at, unit, median: value, min: value, max: value };
  };
  const ratios = rows
    .filter((row) => row.unit === 'us' && row.case === CLASSIFIERS[0])
    .flatMap(({ at }) =>
      RATIOS.flatMap(({ name, of, to }) => {
        const [over, under] = [of, to].map((each) => findRow(rows, each, 'us', at)?.median);
        return over === undefined || under === undefined
          ? []
          : [derived(name, at, 'ratio', over / under)];
      }),
    );
  const crossover = crossoverBytes(ratios);
  return [
    ...rows,
    ...ratios,
    ...(crossover === undefined ? [] : [derived('crossover', { batch: 1 }, 'bytes', crossover)]),
  ];
}

/**
 * The least input, of one picture a call, from which on the function is faster than a client that fetches, at all
 * sizes that were measured; undefined where it is not so at the largest.
 */
export function crossoverBytes(rows: readonly PaperRow[]): number | undefined {
  const ofSingles = rows
    .filter((row) => row.case === 'client/function' && row.at['batch'] === 1)
    .map((row) => ({ bytes: Number(row.at['inputBytes']), ratio: row.median }))
    .sort((a, b) => a.bytes - b.bytes);
  const lastLoss = ofSingles.findLastIndex(({ ratio }) => ratio <= 1);
  return ofSingles[lastLoss + 1]?.bytes;
}

/** The rows as a table: a line a size of pictures and batch. */
export function formatInference(rows: readonly PaperRow[]): string {
  const measured = rows
    .filter((row) => row.unit === 'us' && row.case === CLASSIFIERS[0])
    .map(({ at }) => ({
      at,
      name: `${formatBytes(Number(at['inputBytes']))}, ${at['batch']}`,
    }));
  const times = measured.map(({ at, name }) => [
    name,
    ...CLASSIFIERS.map((each) => spreadCell(findRow(rows, each, 'us', at))),
  ]);
  const ratios = measured.map(({ at, name }) => [
    name,
    ...RATIOS.map((each) => formatRatio(findRow(rows, each.name, 'ratio', at)?.median, 1)),
  ]);
  const accuracies = valuesOf<number>(rows, 'inputBytes').map((inputBytes) => [
    formatBytes(inputBytes),
    ...CLASSIFIERS.map((name) =>
      (findRow(rows, name, 'accuracy', { inputBytes })?.median ?? NaN).toFixed(4),
    ),
  ]);
  const crossover = findRow(rows, 'crossover', 'bytes', {})?.median;
  return [
    'A call that classifies pictures of so many bytes, so many a call, in microseconds: median (min to max). Native, wasm',
    'and javascript are in one process with the store; functions and client are what a client waits on the loopback, for',
    'a function, in JavaScript or WebAssembly with vectors, or for pictures that it classifies by itself.',
    '',
    formatTable(['picture, batch', ...CLASSIFIERS], times),
    '',
    'How many times as long the one takes as the other',
    formatTable(['picture, batch', ...RATIOS.map(({ name }) => name)], ratios),
    '',
    'Pictures that are known, of those that no training has seen',
    formatTable(['picture', ...CLASSIFIERS], accuracies),
    '',
    crossover === undefined
      ? 'Over the loopback, fetching a picture is faster than the function at the largest size.'
      : `Over the loopback, the function is faster than fetching for pictures from ${formatBytes(crossover)} on, of those measured.`,
  ].join('\n');
}

/** A colour for what computes, and dashes for vectors. */
const STYLES: Readonly<Record<ClassifierName, Style>> = {
  'native-o2': { color: '#000000', label: 'C++ -O2, scalar' },
  'native-o3': { color: '#000000', label: 'C++ -O3', dashed: true },
  'wasm': { color: '#009e73', label: 'WebAssembly' },
  'wasm-simd': { color: '#009e73', label: 'WebAssembly, SIMD', dashed: true },
  'javascript': { color: '#0072b2', label: 'JavaScript in the store' },
  'function': { color: '#56b4e9', label: 'function, as a client waits' },
  'function-wasm': { color: '#cc79a7', label: 'function, WebAssembly, SIMD', dashed: true },
  'client': { color: '#d55e00', label: 'client that fetches' },
};
const PANEL = { top: ABOVE_PANELS, width: 385, height: 330 };

/** Microseconds a picture over the batch, and over the picture's size. */
export const plot: PlotFigure = (rows, subtitle) => {
  const times = rows.filter((row) => row.unit === 'us');
  const batched = times
    .filter((row) => row.at['inputBytes'] === batchedBytes(times))
    .map((row) => perPicture(row));
  const single = times.filter((row) => row.at['batch'] === 1);
  const y = logScaleUp(
    [...batched, ...single].flatMap((row) => [row.min, row.max]),
    PANEL.height,
  );
  const panels = [
    {
      rows: batched,
      parameter: 'batch',
      title: `Pictures of ${formatBytes(batchedBytes(times))}`,
      xLabel: 'pictures a call (log scale)',
      name: String,
      left: LEFT,
    },
    {
      rows: single,
      parameter: 'inputBytes',
      title: 'One picture a call',
      xLabel: 'bytes of a picture (log scale)',
      name: formatBytes,
      left: 545,
    },
  ];
  return drawPlot({
    title: 'A trained network classifies digits',
    subtitle,
    legend: CLASSIFIERS.map((name) => STYLES[name]),
    panels: panels.map(({ rows: shown, parameter, name: nameOf, ...panel }, index) => ({
      ...PANEL,
      ...panel,
      x: logScaleAcross(
        valuesOf<number>(shown, parameter).sort((a, b) => a - b),
        PANEL.width,
        nameOf,
      ),
      y,
      yLabel: index === 0 ? 'us a picture (log scale)' : undefined,
      series: CLASSIFIERS.map((name) => ({
        color: STYLES[name].color,
        dashed: STYLES[name].dashed,
        points: shown.filter((row) => row.case === name).map(pointOver(parameter)),
        joined: true,
      })),
    })),
  });
};

/** The size of pictures of which there are batches. */
function batchedBytes(rows: readonly PaperRow[]): number {
  const most = Math.max(...valuesOf<number>(rows, 'batch'));
  return Number(rows.find((row) => row.at['batch'] === most)?.at['inputBytes']);
}

function perPicture(row: PaperRow): PaperRow {
  const batch = Number(row.at['batch']);
  return { ...row, median: row.median / batch, min: row.min / batch, max: row.max / batch };
}
