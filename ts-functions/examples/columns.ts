// A table read by columns. A row is a record under an integer key; an index is a value that lists
// the keys of rows, each a little-endian uint32.
//
// One field of many rows: HTGetMany gathers it into an array, and the work goes on there. Several
// fields of one row: a view reads them, and the row is looked up once.
import { HTGetMany, HTSet, HTView, type StoreView } from 'shredder:store';
import { integerAt, numberAt, stringAt } from 'shredder-functions/arguments';
import { record } from 'shredder-functions/record';

const order = record({ customer: 'uint32', quantity: 'uint32', price: 'float64' });
const CUSTOMER_OFFSET = order.offsetOf('customer');
const QUANTITY_OFFSET = order.offsetOf('quantity');
const PRICE_OFFSET = order.offsetOf('price');

const MAX_UINT32 = 2 ** 32 - 1;

/** Rows that are gathered at a time: few enough for their columns to stay in the cache. */
const BATCH = 1024;
const rows = new Uint32Array(BATCH);
const quantities = new Uint32Array(BATCH);
const prices = new Float64Array(BATCH);

/** `FCALL putOrder 1 row customer quantity price` */
export function putOrder(keys: string[], args: string[]): void {
  HTSet(
    integerAt(keys, 0, 'row', 0, MAX_UINT32),
    order.encode({
      customer: integerAt(args, 0, 'customer', 0, MAX_UINT32),
      quantity: integerAt(args, 1, 'quantity', 0, MAX_UINT32),
      price: numberAt(args, 2, 'price'),
    }),
  );
}
putOrder.description = 'Writes an order: keys = [row], args = [customer, quantity, price]';

/** `FCALL putIndex n index row...`: makes an index of the rows, in their order. */
export function putIndex(keys: string[]): void {
  const listed = new Uint32Array(Math.max(keys.length - 1, 0));
  for (let i = 0; i < listed.length; i++) listed[i] = integerAt(keys, i + 1, 'row', 0, MAX_UINT32);
  HTSet(stringAt(keys, 0, 'index'), listed);
}
putIndex.description = 'Writes an index: keys = [index, row ...]';

/** `FCALL_RO turnover 1 index`: quantity times price, summed over the rows that are there. */
export function turnover(keys: string[]): number {
  const index = HTView(stringAt(keys, 0, 'index'));
  if (index === undefined) return 0;
  const length = index.byteLength >>> 2;
  let total = 0;
  for (let first = 0; first < length; first += BATCH) {
    const batch = readRows(index, first, Math.min(BATCH, length - first));
    // Where a row is absent, what was there before stays: nothing.
    quantities.fill(0);
    prices.fill(0);
    HTGetMany(batch, QUANTITY_OFFSET / 4, quantities);
    HTGetMany(batch, PRICE_OFFSET / 8, prices);
    for (let i = 0; i < batch.length; i++) total += quantities[i]! * prices[i]!;
  }
  return total;
}
turnover.flags = ['no-writes'];
turnover.description = 'What the orders of an index come to: keys = [index]';

/** `FCALL_RO turnoverOf 1 index customer`: the turnover of one customer. */
export function turnoverOf(keys: string[], args: string[]): number {
  const customer = integerAt(args, 0, 'customer', 0, MAX_UINT32);
  const index = HTView(stringAt(keys, 0, 'index'));
  if (index === undefined) return 0;
  const length = index.byteLength >>> 2;
  let total = 0;
  for (let i = 0; i < length; i++) {
    const row = HTView(index.getUint32(4 * i, true));
    if (row === undefined || row.byteLength < order.byteLength) continue;
    if (row.getUint32(CUSTOMER_OFFSET, true) !== customer) continue;
    total += row.getUint32(QUANTITY_OFFSET, true) * row.getFloat64(PRICE_OFFSET, true);
  }
  return total;
}
turnoverOf.flags = ['no-writes'];
turnoverOf.description = 'What the orders of a customer come to: keys = [index], args = [customer]';

/** The keys of `count` rows, at most BATCH, from place `first` of an index on. */
function readRows(index: StoreView, first: number, count: number): Uint32Array {
  for (let i = 0; i < count; i++) rows[i] = index.getUint32(4 * (first + i), true);
  return rows.subarray(0, count);
}
