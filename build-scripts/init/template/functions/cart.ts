// Carts of a shop: how many pieces of each article one has. The library's functions are its exports.
import { defineFunction } from 'shredder-functions';
import { stringAt } from 'shredder-functions/arguments';
import { getAll, increment, remove } from 'shredder-functions/hash';
import * as z from 'zod/mini';

const MAX_PIECES = 100;

/** Typed: the schemas check each call in the store, and callers in TypeScript see their types. */
export const addToCart = defineFunction(
  {
    keys: z.tuple([z.string()]),
    args: z.object({ article: z.string(), pieces: z.int().check(z.positive()) }),
    description: 'Puts pieces of an article into a cart: keys = [cart], args = {article, pieces}',
  },
  ([cart], { article, pieces }) => {
    const total = increment(cart, article, pieces);
    // What is thrown undoes all that the call has written, and the client gets the message.
    if (total > MAX_PIECES) throw new RangeError(`${MAX_PIECES} of ${article} are enough`);
    return total;
  },
);

export const piecesInCart = defineFunction(
  {
    keys: z.tuple([z.string()]),
    flags: ['no-writes'],
    description: 'The pieces of each article in a cart: keys = [cart]',
  },
  ([cart]) => new Map(Array.from(getAll(cart), ([article, pieces]) => [article, Number(pieces)])),
);

/** As any Redis client calls it: FCALL removeFromCart 1 cart:17 apple */
export function removeFromCart(keys: string[], args: string[]): boolean {
  return remove(stringAt(keys, 0, 'cart'), stringAt(args, 0, 'article'));
}
removeFromCart.description =
  'Takes an article out of a cart, whether it was there: keys = [cart], args = [article]';
