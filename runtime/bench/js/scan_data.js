// The keys whose values scan's loops read, in the order of the value at 'order', and arrays of a
// value's size, for copies.
import { HTGet, HTLength } from 'shredder:store';

export function setup(_, [valueBytes]) {
  const all = new Uint32Array(HTLength('order') / 4);
  HTGet('order', all);
  globalThis.bench = {
    all,
    batches: [],
    sample: all.subarray(0, 64),
    float64s: new Float64Array(valueBytes / 8),
    uint32s: new Uint32Array(valueBytes / 4),
  };
}
