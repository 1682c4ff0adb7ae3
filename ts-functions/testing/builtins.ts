// `shredder:store` under plain Node: the builtins over the store of the running invocation.
import type { Key, StoreView } from 'shredder:store';
import { bytesOf, gatherArrays, integerArgument, keyOf, keyText, refill } from './arguments.ts';
import { storeError } from './errors.ts';
import { currentInvocation, type Invocation } from './invocation.ts';
import { viewOf } from './view.ts';

export function HTGet(key: Key, into: ArrayBuffer | ArrayBufferView): number {
  const target = bytesOf(into);
  const value = find(key);
  if (value === undefined) return -1;
  target.set(value.subarray(0, target.byteLength));
  return value.byteLength;
}

export function HTLength(key: Key): number {
  return find(key)?.byteLength ?? -1;
}

export function HTHas(key: Key): boolean {
  return find(key) !== undefined;
}

export function HTGetUint32(key: Key, index: number): number | undefined {
  return readElement(key, index, 4, (view, offset) => view.getUint32(offset, true));
}

export function HTGetFloat64(key: Key, index: number): number | undefined {
  return readElement(key, index, 8, (view, offset) => view.getFloat64(offset, true));
}

export function HTView(key: Key): StoreView | undefined {
  const value = find(key);
  return value === undefined ? undefined : viewOf(value, invocation());
}

export function HTGetMany(
  keys: Uint32Array,
  field: number,
  out: Uint32Array | Float64Array,
): number {
  const arrays = gatherArrays(keys, out);
  integerArgument(field, 'index');
  if (arrays.out.length < arrays.keys.length) throw storeError('outTooShort');
  const read = arrays.out instanceof Uint32Array ? HTGetUint32 : HTGetFloat64;
  let found = 0;
  for (let i = 0; i < arrays.keys.length; i++) {
    const element = read(arrays.keys[i]!, field);
    if (element === undefined) continue;
    arrays.out[i] = element;
    found++;
  }
  return found;
}

export function HTAdd(key: Key, delta: number): number {
  const { store } = writableInvocation();
  return store.add(keyText(key), integerArgument(delta, 'delta', Number.MIN_SAFE_INTEGER));
}

export function HTScan(cursor: number, into: Key[]): number {
  const { keys, next } = invocation().store.scan(integerArgument(cursor, 'cursor'));
  refill(into, keys.map(keyOf));
  return next;
}

export function HTSet(key: Key, bytes: ArrayBuffer | ArrayBufferView): void {
  const { store } = writableInvocation();
  store.put(keyText(key), { bytes: bytesOf(bytes).slice() });
}

export function HTDelete(key: Key): boolean {
  const { store } = writableInvocation();
  return store.remove(keyText(key));
}

export function DBGet(key: Key): ArrayBuffer | undefined {
  const value = find(key);
  return value === undefined ? undefined : new Uint8Array(value).buffer;
}

export function DBGetNumber(key: Key): number | undefined {
  return HTGetUint32(key, 0);
}

export { HTAdd as DBAdd, HTDelete as DBDelete, HTSet as DBSet };

function find(key: unknown): Uint8Array | undefined {
  return invocation().store.find(keyText(key));
}

function readElement(
  key: unknown,
  index: unknown,
  size: number,
  read: (view: DataView, offset: number) => number,
): number | undefined {
  const offset = integerArgument(index, 'index') * size;
  const value = find(key);
  if (value === undefined || offset + size > value.byteLength) return undefined;
  return read(new DataView(value.buffer, value.byteOffset, value.byteLength), offset);
}

function invocation(): Invocation {
  const running = currentInvocation();
  if (running === undefined) {
    throw new Error('a builtin was called outside an invocation: call the function by store.call');
  }
  return running;
}

function writableInvocation(): Invocation {
  const running = invocation();
  if (running.readOnly) throw storeError('readOnlyFunction');
  return running;
}
