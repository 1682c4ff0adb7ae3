// Carts of a shop: how many pieces of each article one has. The library's functions are its exports.
import { integerAt, stringAt } from 'shredder-functions/arguments';
import { getAll, increment, remove } from 'shredder-functions/hash';

const MAX_PIECES = 100;

/** FCALL addToCart 1 cart:17 apple 2: how many the cart has of the article then. */
export function addToCart(keys: string[], args: string[]): number {
  const cart = stringAt(keys, 0, 'cart');
  const article = stringAt(args, 0, 'article');
  const pieces = increment(cart, article, integerAt(args, 1, 'pieces', 1, MAX_PIECES));
  // What is thrown undoes all that the call has written, and the client gets the message.
  if (pieces > MAX_PIECES) throw new RangeError(`${MAX_PIECES} of ${article} are enough`);
  return pieces;
}
addToCart.description =
  'Puts pieces of an article into a cart: keys = [cart], args = [article, pieces]';

/** FCALL removeFromCart 1 cart:17 apple: whether the cart had the article. */
export function removeFromCart(keys: string[], args: string[]): boolean {
  return remove(stringAt(keys, 0, 'cart'), stringAt(args, 0, 'article'));
}
removeFromCart.description = 'Takes an article out of a cart: keys = [cart], args = [article]';

/** FCALL_RO piecesInCart 1 cart:17: the pieces of each article. */
export function piecesInCart(keys: string[]): Map<string, number> {
  const articles = getAll(stringAt(keys, 0, 'cart'));
  return new Map(Array.from(articles, ([article, pieces]) => [article, Number(pieces)]));
}
piecesInCart.flags = ['no-writes'];
piecesInCart.description = 'The pieces of each article in a cart: keys = [cart]';
