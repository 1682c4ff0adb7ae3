// The keys that htget's loops visit, made of the integers in the value at 'order'.
import { HTGet, HTLength } from 'shredder:store';

export function setup(_, [kind, batchKeys]) {
  const order = new Uint32Array(HTLength('order') / 4);
  HTGet('order', order);
  const name = (n) => %FlattenString('key:' + String(n).padStart(12, '0'));
  const all = kind === 'integer' ? order : Array.from(order, name);
  const part = (from, count) =>
    kind === 'integer' ? all.subarray(from, from + count) : all.slice(from, from + count);
  const batches = [];
  for (let from = 0; from < all.length; from += Number(batchKeys)) {
    batches.push(part(from, Number(batchKeys)));
  }
  globalThis.bench = { all, batches, sample: batches[0] };
}
