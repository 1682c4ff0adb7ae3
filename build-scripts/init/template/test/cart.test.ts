import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ArgumentsError, FunctionError, type Client } from 'shredder-functions/client';
import { createStore } from 'shredder-functions/testing';
import * as library from '../functions/cart.ts';

/** The functions on a store of the test's own, called with their types, as on a server. */
function emptyStore(): Client<typeof library> {
  return createStore().client(library);
}

const keys = ['cart:1'] as const;

test('a cart adds up what is put into it', async () => {
  const cart = emptyStore();
  assert.equal(await cart.addToCart({ keys, args: { article: 'apple', pieces: 2 } }), 2);
  assert.equal(await cart.addToCart({ keys, args: { article: 'apple', pieces: 3 } }), 5);
  await cart.addToCart({ keys, args: { article: 'pear', pieces: 1 } });
  assert.deepEqual(
    await cart.piecesInCart({ keys }),
    new Map([
      ['apple', 5],
      ['pear', 1],
    ]),
  );
});

test('an article that is taken out is gone, once', async () => {
  const cart = emptyStore();
  await cart.addToCart({ keys, args: { article: 'apple', pieces: 2 } });
  assert.equal(await cart.removeFromCart({ keys, args: ['apple'] }), true);
  assert.equal(await cart.removeFromCart({ keys, args: ['apple'] }), false);
});

test('a call that is refused or fails leaves the cart as it was', async () => {
  const cart = emptyStore();
  await cart.addToCart({ keys, args: { article: 'apple', pieces: 99 } });
  await assert.rejects(
    cart.addToCart({ keys, args: { article: 'apple', pieces: 2 } }),
    (error) => error instanceof FunctionError && /enough/.test(error.message),
  );
  await assert.rejects(
    cart.addToCart({ keys, args: { article: 'apple', pieces: 0 } }),
    ArgumentsError,
  );
  // @ts-expect-error The types say so, too.
  await assert.rejects(cart.addToCart({ keys, args: { article: 'apple' } }), ArgumentsError);
  assert.deepEqual(await cart.piecesInCart({ keys }), new Map([['apple', 99]]));
});
