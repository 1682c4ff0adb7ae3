// The documents of json's loops, `count` of them, of `bytes` bytes or a little more, which expire in a
// day: as values of the store, and as texts.
import { HTSet } from 'shredder:store';

function documentOf(bytes) {
  // Of as many digits as it will ever have.
  const document = { count: 1_000_000_000, name: 'a shopping cart', items: [] };
  while (JSON.stringify(document).length < bytes) {
    const id = document.items.length;
    // Not one by one, where there are thousands.
    for (let i = 0; i <= id >> 3; i++) {
      document.items.push({
        id: 100_000 + id + i,
        title: `Item "${id + i}"`,
        price: (id + i) * 1.25 + 0.5,
        tags: ['a', 'b'],
        inStock: i % 2 === 0,
      });
    }
  }
  return JSON.stringify(document);
}

export function setup(_, [bytes, count]) {
  const all = Uint32Array.from({ length: Number(count) }, (_, i) => i);
  const text = documentOf(Number(bytes));
  for (const key of all) HTSet(key, text, { ttl: 86_400_000 });
  globalThis.bench = { all, batches: [], sample: all, texts: Array.from(all, () => text) };
}
