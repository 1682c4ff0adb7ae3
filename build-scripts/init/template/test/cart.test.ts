import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStore } from 'shredder-functions/testing';
import { addToCart, piecesInCart, removeFromCart } from '../functions/cart.ts';

test('a cart adds up what is put into it', async () => {
  const store = createStore();
  assert.equal(await store.call(addToCart, ['cart:1'], ['apple', '2']), 2);
  assert.equal(await store.call(addToCart, ['cart:1'], ['apple', '3']), 5);
  await store.call(addToCart, ['cart:1'], ['pear', '1']);
  const pieces = await store.call(piecesInCart, ['cart:1']);
  assert.deepEqual(
    pieces,
    new Map([
      ['apple', 5],
      ['pear', 1],
    ]),
  );
});

test('an article that is taken out is gone, once', async () => {
  const store = createStore();
  await store.call(addToCart, ['cart:1'], ['apple', '2']);
  assert.equal(await store.call(removeFromCart, ['cart:1'], ['apple']), true);
  assert.equal(await store.call(removeFromCart, ['cart:1'], ['apple']), false);
});

test('a call that fails leaves the cart as it was', async () => {
  const store = createStore();
  await store.call(addToCart, ['cart:1'], ['apple', '99']);
  await assert.rejects(store.call(addToCart, ['cart:1'], ['apple', '2']), /enough/);
  await assert.rejects(
    store.call(addToCart, ['cart:1'], ['apple', 'two']),
    /pieces must be an integer/,
  );
  assert.deepEqual(await store.call(piecesInCart, ['cart:1']), new Map([['apple', 99]]));
});
