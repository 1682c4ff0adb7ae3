// What the functions classify_wasm and classify_wasm_simd are made of: pictures and layers from the store, the
// arithmetic over them, and the reply.
import {
  array,
  Call,
  error,
  ht_get_s,
  ht_length_s,
  ht_view_s,
  integer,
  Reply,
} from 'shredder-functions/assembly';
import { addRows, FLOAT_BYTES, greatest, rectify } from './network';

/**
 * So much of a layer is in linear memory at a time: it stays in the processor's first cache while all pictures of the
 * call are added up over it.
 */
const TILE_BYTES: i32 = 16384;

/** Memory that lasts from call to call, and grows with what a call needs. */
class Room {
  private address: usize = 0;
  private capacity: u64 = 0;

  /** Where it lies, of that many bytes or more. Where it has to grow, what it held is lost. */
  hold(bytes: u64): usize {
    if (bytes > this.capacity) {
      assert(bytes <= (i32.MAX_VALUE as u64));
      if (this.address != 0) heap.free(this.address);
      this.address = heap.alloc(bytes as usize);
      this.capacity = bytes;
    }
    return this.address;
  }
}

const pictures = new Room();
const units = new Room();
const scores = new Room();
const tile = new Room();

/** A layer in the store: a row of biases, then one of weights for each input. */
class Layer {
  private key: ArrayBuffer;
  private inputs: i32 = 0;
  outputs: i32 = 0;

  constructor(private name: string) {
    this.key = String.UTF8.encode(name);
  }

  /** To be called in each call before addUp, for the layer may be another one: the reply where it does not fit. */
  misfit(inputs: i32): Reply | null {
    const bytes = ht_length_s(this.keyAddress, this.key.byteLength);
    if (bytes < 0) return error('there is no value "' + this.name + '"');
    const column = (FLOAT_BYTES as i64) * (1 + inputs);
    if (bytes == 0 || bytes % column != 0) {
      return error('the layer "' + this.name + '" does not fit its inputs');
    }
    this.inputs = inputs;
    this.outputs = (bytes / column) as i32;
    return null;
  }

  /** sums[j] = biases[j] + the sum of inputs[i] * weights[i][j], for each of `batch` rows of inputs and of sums. */
  addUp(inputs: usize, batch: i32, sums: usize): void {
    const rowBytes = this.outputs * FLOAT_BYTES;
    this.copy(0, sums, rowBytes);
    for (let n = 1; n < batch; n++) {
      memory.copy(sums + (n as usize) * rowBytes, sums, rowBytes);
    }
    const most = max(1, TILE_BYTES / rowBytes);
    const weights = tile.hold((most as u64) * rowBytes);
    for (let first = 0; first < this.inputs; first += most) {
      const rows = min(most, this.inputs - first);
      this.copy((1 + first) * rowBytes, weights, rows * rowBytes);
      for (let n = 0; n < batch; n++) {
        const from = inputs + ((n as usize) * this.inputs + first) * FLOAT_BYTES;
        addRows(weights, from, rows, this.outputs, sums + (n as usize) * rowBytes);
      }
    }
  }

  private copy(from: i32, to: usize, bytes: i32): void {
    ht_view_s(this.keyAddress, this.key.byteLength, from, to, bytes);
  }

  private get keyAddress(): usize {
    return changetype<usize>(this.key);
  }
}

const hidden = new Layer('hidden');
const output = new Layer('output');

/** The digits that the network takes pictures for, each a value of float32, all of one size. */
export function digitsOf(call: Call): Reply {
  const batch = call.keyCount;
  if (batch == 0) return array([]);
  const bytes = ht_length_s(call.keyAddress(0), call.keyLength(0));
  const inputs = (bytes / FLOAT_BYTES) as i32;
  const misfit = hidden.misfit(inputs) || output.misfit(hidden.outputs);
  if (misfit !== null) return misfit;
  const pixels = pictures.hold((batch as u64) * bytes);
  for (let n = 0; n < batch; n++) {
    const to = pixels + (n as usize) * (bytes as usize);
    const length = ht_get_s(call.keyAddress(n), call.keyLength(n), to, bytes as i32);
    if (length < 0) return error('there is no value "' + call.key(n) + '"');
    if (length != bytes) return error('pictures differ in size');
  }
  return array(classify(pixels, batch));
}

function classify(pixels: usize, batch: i32): Reply[] {
  const between = units.hold((batch as u64) * hidden.outputs * FLOAT_BYTES);
  hidden.addUp(pixels, batch, between);
  rectify(between, batch * hidden.outputs);
  const row = output.outputs * FLOAT_BYTES;
  const ends = scores.hold((batch as u64) * row);
  output.addUp(between, batch, ends);
  const digits: Reply[] = [];
  for (let n = 0; n < batch; n++) {
    digits.push(integer(greatest(ends + (n as usize) * row, output.outputs)));
  }
  return digits;
}
