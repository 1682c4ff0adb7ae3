// Matrices of the library against plain JavaScript: what random writes give, products, and nearest rows.
import test from 'ava';
import fc from 'fast-check';
import 'shredder-functions/register';
import type { Measure } from 'shredder-functions/matrix';
import { createStore } from 'shredder-functions/testing';
import { testSeed } from './support/seed.ts';

// Imported once `shredder:store` resolves.
const matrix = await import('shredder-functions/matrix');

type Rows = number[][];

/** Small integers, of which all types have sums and products exactly. */
const element = fc.nat({ max: 100 });
const type = fc.constantFrom('float32', 'float64', 'int8', 'uint8', 'int32', 'uint32');

interface Step {
  do: 'set' | 'setRow' | 'push';
  row: number;
  column: number;
  values: number[];
}

/** Shapes of one block, of several, and of rows that are longer than a block is otherwise. */
const matrixCase = fc.constantFrom(1, 2, 3, 7, 130, 1_500, 5_000).chain((columns) =>
  fc.record({
    columns: fc.constant(columns),
    type,
    rows: fc.nat({ max: columns > 1_000 ? 12 : 40 }),
    steps: fc.array(
      fc.record({
        do: fc.constantFrom('set', 'setRow', 'push'),
        row: fc.nat(),
        column: fc.nat(),
        // Repeated to a row's length.
        values: fc.array(element, { minLength: 1, maxLength: 9 }),
      }),
      { maxLength: 25 },
    ),
    vector: fc.array(element, { minLength: 1, maxLength: 9 }),
    count: fc.integer({ min: 1, max: 12 }),
  }),
);

const repeated = (values: readonly number[], length: number): number[] =>
  Array.from({ length }, (_, i) => values[(i * 7 + (i >> 3)) % values.length]!);

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, i) => sum + value * b[i]!, 0);

/** One step on a matrix and on rows. */
function run(name: string, rows: Rows, columns: number, step: Step): void {
  const values = repeated(step.values, columns);
  if (step.do === 'push' || rows.length === 0) {
    matrix.push(name, values);
    rows.push(values);
    return;
  }
  const row = step.row % rows.length;
  if (step.do === 'setRow') {
    matrix.setRow(name, row, Float32Array.from(values));
    rows[row] = values;
  } else {
    matrix.set(name, row, step.column % columns, values[0]!);
    rows[row]![step.column % columns] = values[0]!;
  }
}

function score(row: readonly number[], vector: readonly number[], measure: Measure): number {
  if (measure === 'dot') return dot(row, vector);
  if (measure === 'euclidean') {
    const difference = row.map((value, i) => value - vector[i]!);
    return Math.sqrt(dot(difference, difference));
  }
  const [own, other] = [dot(row, row), dot(vector, vector)];
  if (own === 0 || other === 0) return 0;
  return Math.min(dot(row, vector) / Math.sqrt(other) / Math.sqrt(own), 1);
}

test.serial(
  'random writes to a matrix, products and nearest rows are those of plain JavaScript',
  async (t) => {
    await fc.assert(
      fc.asyncProperty(matrixCase, async ({ columns, steps, count, ...made }) => {
        const store = createStore();
        const rows: Rows = Array.from({ length: made.rows }, () => Array(columns).fill(0));
        const vector = repeated(made.vector, columns);
        await store.call(() => matrix.create('m', made.type, made.rows, columns));
        for (const step of steps) await store.call(() => run('m', rows, columns, step));
        const found = await store.call(() => ({
          shape: { ...matrix.shape('m')! },
          rows: rows.map((_, i) => [...matrix.row('m', i).toArray()]),
          column: [...matrix.column('m', columns - 1)],
          product: [...matrix.multiplyVector('m', vector)],
        }));
        t.deepEqual(found, {
          shape: { type: made.type, rows: rows.length, columns },
          rows,
          column: rows.map((row) => row.at(-1)!),
          product: rows.map((row) => dot(row, vector)),
        });
        for (const measure of ['cosine', 'dot', 'euclidean'] as const) {
          const nearest = await store.call(() =>
            matrix.nearest('m', vector, count, measure).map(({ row, score: s }) => [row, s]),
          );
          const sign = measure === 'euclidean' ? 1 : -1;
          const expected = rows
            .map((row, i) => [i, score(row, vector, measure)] as const)
            .sort(([a, x], [b, y]) => sign * (x - y) || a - b)
            .slice(0, count)
            .map((each) => [...each]);
          t.deepEqual(nearest, expected, measure);
        }
        await store.call(() => matrix.drop('m'));
        t.deepEqual(store.keys(), []);
      }),
      { seed: testSeed(), numRuns: 60 },
    );
  },
);

test.serial('products of random matrices are those of plain JavaScript', async (t) => {
  const size = fc.constantFrom(1, 2, 5, 40, 300);
  const sizes = fc.tuple(fc.integer({ min: 1, max: 6 }), size, size);
  await fc.assert(
    fc.asyncProperty(
      sizes,
      type,
      type,
      fc.array(element, { minLength: 5, maxLength: 50 }),
      async ([height, middle, width], typeA, typeB, values) => {
        const a = Array.from({ length: height }, (_, i) => repeated(values.slice(i % 4), middle));
        const b = Array.from({ length: middle }, (_, i) => repeated(values.slice(i % 5), width));
        const product = await createStore().call(() => {
          matrix.create('a', typeA, 0, middle);
          matrix.create('b', typeB, 0, width);
          for (const row of a) matrix.push('a', row);
          for (const row of b) matrix.push('b', row);
          matrix.multiply('ab', 'a', 'b');
          return a.map((_, i) => [...matrix.row('ab', i)]);
        });
        t.deepEqual(
          product,
          a.map((row) =>
            Array.from({ length: width }, (_, j) =>
              dot(
                row,
                b.map((each) => each[j]!),
              ),
            ),
          ),
        );
      },
    ),
    { seed: testSeed(), numRuns: 30 },
  );
});
