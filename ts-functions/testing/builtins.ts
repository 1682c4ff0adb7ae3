// `shredder:store` under plain Node: the builtins over the store of the running invocation.
import type { Key } from 'shredder:store';
import { bytesOf, elementIndex, keyText } from './arguments.ts';
import { currentInvocation, type Invocation } from './invocation.ts';

export function HTGet(key: Key, into: ArrayBuffer | ArrayBufferView): number {
  const value = find(key);
  const target = bytesOf(into);
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

function find(key: unknown): Uint8Array | undefined {
  return invocation().store.find(keyText(key));
}

function readElement(
  key: unknown,
  index: unknown,
  size: number,
  read: (view: DataView, offset: number) => number,
): number | undefined {
  const value = find(key);
  const offset = elementIndex(index) * size;
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
  if (running.readOnly) {
    throw new TypeError('READONLY a function with the flag no-writes cannot write the store');
  }
  return running;
}
