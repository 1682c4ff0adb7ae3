// htget's loop for HTGetMany, which gathers the first words of so many values a call.
import { HTGetMany } from 'shredder:store';

const out = new Uint32Array(bench.all.length);

function gather(keys, keysPerCall) {
  let sum = 0;
  for (let from = 0; from < keys.length; from += keysPerCall) {
    const some = keys.subarray(from, from + keysPerCall);
    HTGetMany(some, 0, out);
    for (let i = 0; i < some.length; i++) sum += out[i];
  }
  return sum;
}
