// A small network for pictures of digits: a hidden layer of rectified units, and one unit for each digit.
import { randomFrom } from '../random.ts';
import type { Digit } from './digits.ts';

/**
 * A layer's numbers as the store holds them, float32: a row of biases, then one of weights for each input; a row has
 * a number for each output.
 */
export interface Layer {
  inputs: number;
  outputs: number;
  numbers: Float32Array;
}

export interface Network {
  hidden: Layer;
  output: Layer;
}

export interface Training {
  hiddenUnits: number;
  epochs: number;
  /** Of the first epoch; the last one's is near 0. */
  rate: number;
  seed: number;
}

export const LABELS = 10;

/** Trains by gradient descent, picture by picture, on the cross entropy. The same in every run with the same seed. */
export function train(digits: readonly Digit[], training: Training): Network {
  const { hiddenUnits, epochs, rate, seed } = training;
  const random = randomFrom(seed);
  const inputs = digits[0]?.pixels.length ?? 0;
  const network = {
    hidden: initialLayer(inputs, hiddenUnits, random),
    output: initialLayer(hiddenUnits, LABELS, random),
  };
  const order = digits.slice();
  const steps = epochs * digits.length;
  for (let step = 0; step < steps; step++) {
    if (step % digits.length === 0) shuffle(order, random);
    descend(network, order[step % digits.length]!, rate * (1 - step / steps));
  }
  return network;
}

/** The digit that the network takes a picture for. */
export function classify(network: Network, pixels: Float32Array): number {
  const scores = forward(network.output, rectified(forward(network.hidden, pixels)));
  return scores.indexOf(Math.max(...scores));
}

/** The part of pictures whose digit is given right. */
export function accuracyOf(given: readonly number[], digits: readonly Digit[]): number {
  return digits.filter(({ label }, index) => given[index] === label).length / digits.length;
}

/** A network that takes pictures whose sides are `times` as long for what this one takes the small ones for. */
export function enlarge({ hidden, output }: Network, times: number): Network {
  const side = Math.sqrt(hidden.inputs);
  const { outputs } = hidden;
  const inputs = hidden.inputs * times ** 2;
  const numbers = new Float32Array((1 + inputs) * outputs);
  numbers.set(hidden.numbers.subarray(0, outputs));
  for (let input = 0; input < inputs; input++) {
    const y = Math.floor(input / (side * times) / times);
    const x = Math.floor((input % (side * times)) / times);
    const from = (1 + y * side + x) * outputs;
    for (let j = 0; j < outputs; j++) {
      numbers[(1 + input) * outputs + j] = hidden.numbers[from + j]! / times ** 2;
    }
  }
  return { hidden: { inputs, outputs, numbers }, output };
}

function shuffle<T>(list: T[], random: () => number): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j]!, list[i]!];
  }
}

/** Weights that keep the spread of what passes through (He); no biases. */
function initialLayer(inputs: number, outputs: number, random: () => number): Layer {
  const numbers = new Float32Array((1 + inputs) * outputs);
  const bound = Math.sqrt(6 / inputs);
  for (let i = outputs; i < numbers.length; i++) numbers[i] = bound * (2 * random() - 1);
  return { inputs, outputs, numbers };
}

function forward({ outputs, numbers }: Layer, inputs: ArrayLike<number>): Float64Array {
  const sums = Float64Array.from(numbers.subarray(0, outputs));
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i]!;
    // Most pixels are blank.
    if (input === 0) continue;
    const row = (1 + i) * outputs;
    for (let j = 0; j < outputs; j++) sums[j] = sums[j]! + input * numbers[row + j]!;
  }
  return sums;
}

function rectified(sums: Float64Array): Float64Array {
  return sums.map((sum) => Math.max(0, sum));
}

/** One step against the gradient of one picture's cross entropy. */
function descend({ hidden, output }: Network, { pixels, label }: Digit, rate: number): void {
  const units = rectified(forward(hidden, pixels));
  const scores = forward(output, units);
  const greatest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - greatest));
  const all = powers.reduce((sum, power) => sum + power, 0);
  const errors = powers.map((power, j) => power / all - (j === label ? 1 : 0));
  const backwards = units.map((unit, i) => {
    if (unit === 0) return 0;
    const row = (1 + i) * LABELS;
    return errors.reduce((sum, error, j) => sum + error * output.numbers[row + j]!, 0);
  });
  update(output, units, errors, rate);
  update(hidden, pixels, backwards, rate);
}

function update(
  { outputs, numbers }: Layer,
  inputs: ArrayLike<number>,
  errors: Float64Array,
  rate: number,
): void {
  for (let j = 0; j < outputs; j++) numbers[j] = numbers[j]! - rate * errors[j]!;
  for (let i = 0; i < inputs.length; i++) {
    const step = rate * inputs[i]!;
    if (step === 0) continue;
    const row = (1 + i) * outputs;
    for (let j = 0; j < outputs; j++) numbers[row + j] = numbers[row + j]! - step * errors[j]!;
  }
}
