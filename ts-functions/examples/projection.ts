// Projection: one field of many records, read where the records lie. No record is copied; what
// leaves the store is one number.
import { HTSet } from 'shredder:store';
import { integerAt, numberAt, stringAt } from 'shredder-functions/arguments';
import { record } from 'shredder-functions/record';

/** A line of an order. */
const item = record({ quantity: 'uint32', warehouse: 'uint32', price: 'float64' });

const MAX_UINT32 = 2 ** 32 - 1;

/** `FCALL putItem 1 key quantity warehouse price` */
export function putItem(keys: string[], args: string[]): void {
  HTSet(
    stringAt(keys, 0, 'key'),
    item.encode({
      quantity: integerAt(args, 0, 'quantity', 0, MAX_UINT32),
      warehouse: integerAt(args, 1, 'warehouse', 0, MAX_UINT32),
      price: numberAt(args, 2, 'price'),
    }),
  );
}
putItem.description = 'Writes an item: keys = [item], args = [quantity, warehouse, price]';

/** `FCALL_RO sumField n key... field`: the field's sum over the items that are there. */
export function sumField(keys: string[], args: string[]): number {
  const name = stringAt(args, 0, 'field');
  if (!item.has(name)) {
    throw new RangeError(`field must be one of ${item.names.join(', ')}, not "${name}"`);
  }
  let sum = 0;
  for (const key of keys) sum += item.read(key, name) ?? 0;
  return sum;
}
sumField.flags = ['no-writes'];
sumField.description = 'The sum of a field over items: keys = [item ...], args = [field]';

/** `FCALL_RO totalPrice n key...`: quantity times price, summed over the items that are there. */
export function totalPrice(keys: string[]): number {
  let total = 0;
  for (const key of keys) {
    total += (item.read(key, 'quantity') ?? 0) * (item.read(key, 'price') ?? 0);
  }
  return total;
}
totalPrice.flags = ['no-writes'];
totalPrice.description = 'What items cost together: keys = [item ...]';
