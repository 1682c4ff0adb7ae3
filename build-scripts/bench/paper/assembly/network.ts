// The network's arithmetic in AssemblyScript, over linear memory. With the feature `simd` it adds up four outputs in
// one instruction; either way each sum is of float32, in the order of the inputs, as the native code's.

/** Bytes of a float32. */
export const FLOAT_BYTES: i32 = 4;

/**
 * Adds rows of weights, each times its input: sums[j] += inputs[i] * weights[i][j] in the order of i.
 *
 * @param weights `count` rows of `outputs` float32.
 */
export function addRows(
  weights: usize,
  inputs: usize,
  count: i32,
  outputs: i32,
  sums: usize,
): void {
  const row = (outputs as usize) * FLOAT_BYTES;
  const end = inputs + (count as usize) * FLOAT_BYTES;
  let j = 0;
  if (ASC_FEATURE_SIMD) {
    for (; j + 16 <= outputs; j += 16)
      addRows16(weights + offset(j), inputs, end, row, sums + offset(j));
    for (; j + 4 <= outputs; j += 4)
      addRows4(weights + offset(j), inputs, end, row, sums + offset(j));
  } else {
    for (; j + 8 <= outputs; j += 8)
      addRows8(weights + offset(j), inputs, end, row, sums + offset(j));
  }
  for (; j < outputs; j++) {
    let at = weights + offset(j);
    let sum = load<f32>(sums + offset(j));
    for (let from = inputs; from < end; from += FLOAT_BYTES, at += row) {
      sum += load<f32>(from) * load<f32>(at);
    }
    store<f32>(sums + offset(j), sum);
  }
}

/** Has no unit be less than 0. */
export function rectify(units: usize, count: i32): void {
  for (let j = 0; j < count; j++) {
    const at = units + offset(j);
    store<f32>(at, max<f32>(load<f32>(at), 0));
  }
}

/** The place of the greatest score. */
export function greatest(scores: usize, count: i32): i32 {
  let best = 0;
  for (let j = 1; j < count; j++) {
    if (load<f32>(scores + offset(j)) > load<f32>(scores + offset(best))) best = j;
  }
  return best;
}

/** The place of a float32 behind others. */
function offset(index: i32): usize {
  return (index as usize) * FLOAT_BYTES;
}

/** Eight outputs, whose sums do not wait for each other. */
function addRows8(at: usize, inputs: usize, end: usize, row: usize, sums: usize): void {
  let a = load<f32>(sums);
  let b = load<f32>(sums, 4);
  let c = load<f32>(sums, 8);
  let d = load<f32>(sums, 12);
  let e = load<f32>(sums, 16);
  let f = load<f32>(sums, 20);
  let g = load<f32>(sums, 24);
  let h = load<f32>(sums, 28);
  for (let from = inputs; from < end; from += FLOAT_BYTES, at += row) {
    const x = load<f32>(from);
    a += x * load<f32>(at);
    b += x * load<f32>(at, 4);
    c += x * load<f32>(at, 8);
    d += x * load<f32>(at, 12);
    e += x * load<f32>(at, 16);
    f += x * load<f32>(at, 20);
    g += x * load<f32>(at, 24);
    h += x * load<f32>(at, 28);
  }
  store<f32>(sums, a);
  store<f32>(sums, b, 4);
  store<f32>(sums, c, 8);
  store<f32>(sums, d, 12);
  store<f32>(sums, e, 16);
  store<f32>(sums, f, 20);
  store<f32>(sums, g, 24);
  store<f32>(sums, h, 28);
}

/** Four outputs, in the lanes of a vector. */
function addRows4(at: usize, inputs: usize, end: usize, row: usize, sums: usize): void {
  let a = v128.load(sums);
  for (let from = inputs; from < end; from += FLOAT_BYTES, at += row) {
    a = f32x4.add(a, f32x4.mul(v128.load_splat<f32>(from), v128.load(at)));
  }
  v128.store(sums, a);
}

/** Sixteen outputs, in the lanes of four vectors, whose sums do not wait for each other. */
function addRows16(at: usize, inputs: usize, end: usize, row: usize, sums: usize): void {
  let a = v128.load(sums);
  let b = v128.load(sums, 16);
  let c = v128.load(sums, 32);
  let d = v128.load(sums, 48);
  for (let from = inputs; from < end; from += FLOAT_BYTES, at += row) {
    const x = v128.load_splat<f32>(from);
    a = f32x4.add(a, f32x4.mul(x, v128.load(at)));
    b = f32x4.add(b, f32x4.mul(x, v128.load(at, 16)));
    c = f32x4.add(c, f32x4.mul(x, v128.load(at, 32)));
    d = f32x4.add(d, f32x4.mul(x, v128.load(at, 48)));
  }
  v128.store(sums, a);
  v128.store(sums, b, 16);
  v128.store(sums, c, 32);
  v128.store(sums, d, 48);
}
