// Weighted scores of items. The value of an item is its features, float64 each.
import {
  Call, double, error, ht_add_s, ht_get_f64_s, ht_length_s, map, Reply, text,
} from 'shredder-functions/assembly';

export { alloc, free } from 'shredder-functions/assembly';

/** The store's errors are traps of the call; this one is a reply. */
const NO_WEIGHTS = 'weights: a score needs one or more';

/** FCALL scores 2 a b 0.5 2: of each item that is there, the sum of its features times their weights. */
@flags("no-writes")
@description("Scores of items by name: keys = [item...], args = [weight...]")
export function scores(call: Call): void {
  if (call.argCount == 0) {
    call.reply = error(NO_WEIGHTS);
    return;
  }
  const weights = weightsOf(call);
  const entries: Reply[] = [];
  for (let i = 0; i < call.keyCount; i++) {
    if (ht_length_s(call.keyAddress(i), call.keyLength(i)) < 0) continue;
    entries.push(text(call.key(i)));
    entries.push(double(scoreOf(call, i, weights)));
  }
  call.reply = map(entries);
}

/** FCALL best 2 a b 0.5 2: the item with the highest score, or null where none is there. */
@flags("no-writes")
@description("The item with the highest score: keys = [item...], args = [weight...]")
export function best(call: Call): void {
  const weights = weightsOf(call);
  let found = -1;
  let highest: f64 = 0;
  for (let i = 0; i < call.keyCount; i++) {
    if (ht_length_s(call.keyAddress(i), call.keyLength(i)) < 0) continue;
    const score = scoreOf(call, i, weights);
    if (found >= 0 && score <= highest) continue;
    found = i;
    highest = score;
  }
  if (found >= 0) call.reply = text(call.key(found));
}

/** FCALL vote 1 votes:a 3: adds to a counter. */
@description("Adds to a counter: keys = [counter], args = [votes]")
export function vote(call: Call): i64 {
  return ht_add_s(call.keyAddress(0), call.keyLength(0), I64.parseInt(call.arg(0)));
}

function weightsOf(call: Call): StaticArray<f64> {
  const weights = new StaticArray<f64>(call.argCount);
  for (let i = 0; i < weights.length; i++) weights[i] = F64.parseFloat(call.arg(i));
  return weights;
}

/** A feature that an item lacks counts as 0. */
function scoreOf(call: Call, item: i32, weights: StaticArray<f64>): f64 {
  let sum: f64 = 0;
  for (let i = 0; i < weights.length; i++) {
    const feature = ht_get_f64_s(call.keyAddress(item), call.keyLength(item), i);
    if (!isNaN(feature)) sum += feature * weights[i];
  }
  return sum;
}
