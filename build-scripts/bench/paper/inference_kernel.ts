// A network's layers in JavaScript: what the function in the store and the client that computes itself have in
// common. Numbers are read where they lie, as float32, and added up as float64.

/** What numbers are read from: a DataView, or a StoreView. */
export interface Floats {
  readonly byteLength: number;
  getFloat32(byteOffset: number, littleEndian?: boolean): number;
}

/** Pictures that share a pass over the weights, so that each weight is read, and made a float64, once for all. */
const GROUP = 4;

// What layers read and write, inputs and units of a group's pictures in turn; grown where a network needs more.
let inputs = new Float64Array(0);
let units = new Float64Array(0);
let scores = new Float64Array(0);

/**
 * The digits that the network takes pictures for.
 *
 * @param hidden, output The layers: a row of biases, then one of weights for each input. Their outputs are even in
 *     number.
 * @param pictures All of one size.
 */
export function classifyPictures(
  hidden: Floats,
  output: Floats,
  pictures: readonly Floats[],
): number[] {
  const digits: number[] = [];
  const [first] = pictures;
  if (first === undefined) return digits;
  const pixels = first.byteLength >>> 2;
  const unitCount = outputsOf(hidden, pixels);
  const labels = outputsOf(output, unitCount);
  if (inputs.length < GROUP * pixels) inputs = new Float64Array(GROUP * pixels);
  if (units.length < GROUP * unitCount) units = new Float64Array(GROUP * unitCount);
  if (scores.length < GROUP * labels) scores = new Float64Array(GROUP * labels);
  let at = 0;
  for (; at + GROUP <= pictures.length; at += GROUP) {
    for (let k = 0; k < GROUP; k++) spread(pictures[at + k]!, pixels, GROUP, k);
    addUpGroup(hidden, inputs, pixels, unitCount, units);
    rectify(GROUP * unitCount);
    addUpGroup(output, units, unitCount, labels, scores);
    for (let k = 0; k < GROUP; k++) digits.push(greatest(labels, GROUP, k));
  }
  for (; at < pictures.length; at++) {
    spread(pictures[at]!, pixels, 1, 0);
    addUp(hidden, inputs, pixels, unitCount, units);
    rectify(unitCount);
    addUp(output, units, unitCount, labels, scores);
    digits.push(greatest(labels, 1, 0));
  }
  return digits;
}

function outputsOf(layer: Floats, inputCount: number): number {
  const outputs = (layer.byteLength >>> 2) / (1 + inputCount);
  if (Number.isInteger(outputs) && outputs % 2 === 0 && outputs > 0) return outputs;
  throw new RangeError(
    `a layer of ${layer.byteLength} bytes does not fit its ${inputCount} inputs`,
  );
}

/** Copies a picture's pixels to every `step`-th input. */
function spread(picture: Floats, pixels: number, step: number, first: number): void {
  if (picture.byteLength !== 4 * pixels) throw new RangeError('pictures differ in size');
  for (let i = 0; i < pixels; i++) inputs[step * i + first] = picture.getFloat32(4 * i, true);
}

function rectify(count: number): void {
  for (let i = 0; i < count; i++) if (units[i]! < 0) units[i] = 0;
}

/** The place of the greatest of every `step`-th score. */
function greatest(labels: number, step: number, first: number): number {
  let best = 0;
  for (let j = 1; j < labels; j++) {
    if (scores[step * j + first]! > scores[step * best + first]!) best = j;
  }
  return best;
}

/** A layer for a group: two outputs of four pictures at a time, whose sums do not wait for each other. */
function addUpGroup(
  layer: Floats,
  from: Float64Array,
  count: number,
  outputs: number,
  to: Float64Array,
): void {
  const row = 4 * outputs;
  for (let j = 0; j < outputs; j += 2) {
    const bias = layer.getFloat32(4 * j, true);
    const nextBias = layer.getFloat32(4 * j + 4, true);
    let a0 = bias;
    let a1 = bias;
    let a2 = bias;
    let a3 = bias;
    let b0 = nextBias;
    let b1 = nextBias;
    let b2 = nextBias;
    let b3 = nextBias;
    let at = row + 4 * j;
    for (let i = 0; i < GROUP * count; i += GROUP, at += row) {
      const weight = layer.getFloat32(at, true);
      const next = layer.getFloat32(at + 4, true);
      const x0 = from[i]!;
      const x1 = from[i + 1]!;
      const x2 = from[i + 2]!;
      const x3 = from[i + 3]!;
      a0 += weight * x0;
      a1 += weight * x1;
      a2 += weight * x2;
      a3 += weight * x3;
      b0 += next * x0;
      b1 += next * x1;
      b2 += next * x2;
      b3 += next * x3;
    }
    const place = GROUP * j;
    to[place] = a0;
    to[place + 1] = a1;
    to[place + 2] = a2;
    to[place + 3] = a3;
    to[place + 4] = b0;
    to[place + 5] = b1;
    to[place + 6] = b2;
    to[place + 7] = b3;
  }
}

/** A layer for one picture: eight outputs at a time, then two. */
function addUp(
  layer: Floats,
  from: Float64Array,
  count: number,
  outputs: number,
  to: Float64Array,
): void {
  const row = 4 * outputs;
  let j = 0;
  for (; j + 8 <= outputs; j += 8) {
    let at = 4 * j;
    let a = layer.getFloat32(at, true);
    let b = layer.getFloat32(at + 4, true);
    let c = layer.getFloat32(at + 8, true);
    let d = layer.getFloat32(at + 12, true);
    let e = layer.getFloat32(at + 16, true);
    let f = layer.getFloat32(at + 20, true);
    let g = layer.getFloat32(at + 24, true);
    let h = layer.getFloat32(at + 28, true);
    at += row;
    for (let i = 0; i < count; i++, at += row) {
      const x = from[i]!;
      a += x * layer.getFloat32(at, true);
      b += x * layer.getFloat32(at + 4, true);
      c += x * layer.getFloat32(at + 8, true);
      d += x * layer.getFloat32(at + 12, true);
      e += x * layer.getFloat32(at + 16, true);
      f += x * layer.getFloat32(at + 20, true);
      g += x * layer.getFloat32(at + 24, true);
      h += x * layer.getFloat32(at + 28, true);
    }
    to[j] = a;
    to[j + 1] = b;
    to[j + 2] = c;
    to[j + 3] = d;
    to[j + 4] = e;
    to[j + 5] = f;
    to[j + 6] = g;
    to[j + 7] = h;
  }
  for (; j < outputs; j += 2) {
    let at = 4 * j;
    let a = layer.getFloat32(at, true);
    let b = layer.getFloat32(at + 4, true);
    at += row;
    for (let i = 0; i < count; i++, at += row) {
      const x = from[i]!;
      a += x * layer.getFloat32(at, true);
      b += x * layer.getFloat32(at + 4, true);
    }
    to[j] = a;
    to[j + 1] = b;
  }
}
