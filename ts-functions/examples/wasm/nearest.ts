// A library in TypeScript that leaves the arithmetic to a module: vectors.wasm is made of vectors.c, as
// docs/wasm.md says.
import { instantiate } from 'shredder-functions/wasm';
import module from './vectors.wasm';

interface Vectors {
  /** The dot product of the vectors at two integer keys; of the shorter one's elements. */
  _dot_of(a: bigint, b: bigint): number;
}

const vectors = instantiate<Vectors>(module);

/** FCALL nearest 3 1 2 3 10: the vectors whose dot products with the first are the highest. */
export function nearest(keys: string[], args: string[]): Map<string, number> {
  const [query, ...others] = keys.map(integerKey);
  if (query === undefined)
    throw new RangeError('keys: the first is what the others are compared to');
  const products = others.map((key): [string, number] => [
    String(key),
    vectors._dot_of(query, key),
  ]);
  return new Map(products.sort(([, a], [, b]) => b - a).slice(0, Number(args[0] ?? 10)));
}
nearest.flags = ['no-writes'];
nearest.description = 'The nearest by dot product: keys = [vector, vector...], args = [count]';

function integerKey(key: string): bigint {
  if (!/^(?:0|[1-9]\d{0,15})$/.test(key)) throw new RangeError(`key ${key} is no integer`);
  return BigInt(key);
}
