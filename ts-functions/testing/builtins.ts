// `shredder:store` under plain Node: the builtins over the store of the running invocation.
import { Buffer } from 'node:buffer';
import { types } from 'node:util';
import type { Key, SetOptions, StoredValue, StoreView } from 'shredder:store';
import {
  bytesOf,
  gatherArrays,
  integerArgument,
  keyBytes,
  keyOf,
  keysArgument,
  keyText,
  patternArgument,
  refill,
  ttlArgument,
  valueOf,
  writeOptions,
} from './arguments.ts';
import { MAX_TEXT_BYTES, MAX_VIEWS_PER_CALL, storeError } from './errors.ts';
import { invocation, writableInvocation } from './invocation.ts';
import { viewOf } from './view.ts';

const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });

export function HTGet(key: Key, into: ArrayBuffer | ArrayBufferView): number {
  const target = bytesOf(into);
  const value = find(key);
  if (value === undefined) return -1;
  target.set(value.subarray(0, target.byteLength));
  return value.byteLength;
}

export function HTGetString(key: Key): string | undefined {
  const value = find(key);
  if (value === undefined) return undefined;
  if (value.byteLength > MAX_TEXT_BYTES) throw storeError('textTooLong');
  return UTF8.decode(value);
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

export function HTViewMany(keys: Uint32Array | readonly Key[]): (StoreView | undefined)[] {
  const found = keysArgument(keys);
  if (found.length > MAX_VIEWS_PER_CALL) throw storeError('tooManyKeys');
  return Array.from(found, HTView);
}

export function HTGetMany(
  keys: Uint32Array | readonly Key[],
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

export function HTScan(cursor: number, into: Key[], pattern?: string): number {
  const { keys, next } = invocation().store.scan(integerArgument(cursor, 'cursor'));
  if (!Array.isArray(into) || types.isProxy(into)) throw storeError('intoType', into);
  const matches = patternArgument(pattern);
  refill(into, keys.filter((key) => matches(keyBytes(key))).map(keyOf));
  return next;
}

export function HTSet(key: Key, value: StoredValue, options?: SetOptions): boolean {
  const { store } = writableInvocation();
  const text = keyText(key);
  valueOf(value);
  const { expiresAt, ifAbsent, ifPresent } = writeOptions(options, store.now());
  // Only now, as getters of the options can change it.
  const bytes = valueOf(value);
  const before = store.expiryOf(text);
  if ((ifAbsent && before !== undefined) || (ifPresent && before === undefined)) return false;
  const at = expiresAt === 'keep' ? before : expiresAt;
  if (at !== undefined && at <= store.now()) store.remove(text);
  else store.put(text, bytes, at ?? Infinity);
  return true;
}

export function HTAppend(key: Key, value: StoredValue): number {
  const { store } = writableInvocation();
  const text = keyText(key);
  const more = valueOf(value);
  const bytes = Buffer.concat([store.find(text) ?? new Uint8Array(), more]);
  store.put(text, new Uint8Array(bytes), store.expiryOf(text) ?? Infinity);
  return bytes.byteLength;
}

export function HTExpire(key: Key, ttl: number): boolean {
  const { store } = writableInvocation();
  const text = keyText(key);
  return store.expire(text, ttlArgument(ttl, store.now()) ?? Infinity);
}

export function HTTtl(key: Key): number | undefined {
  const { store } = invocation();
  const expiresAt = store.expiryOf(keyText(key));
  return expiresAt === undefined ? undefined : expiresAt - store.now();
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

export { storeImports as HTImports } from './wasm_instance.ts';

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
