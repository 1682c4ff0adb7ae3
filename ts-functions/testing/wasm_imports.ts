// What WebAssembly imports from `shredder:store`, over the store of the running invocation: the same
// results and errors as in the store.
import { keyBytes, keyText } from './arguments.ts';
import { STORE_ERRORS, storeError, type StoreErrorName } from './errors.ts';
import { invocation, writableInvocation } from './invocation.ts';
import type { FunctionType, ValueType } from './wasm_types.ts';

const MAX = BigInt(Number.MAX_SAFE_INTEGER);
const MAX_FIELD = 2 ** 31 - 1;
const ABSENT = -1n;

/** Bits of ht_set's flags. */
const IF_ABSENT = 1;
const IF_PRESENT = 2;
const KEEP_TTL = 4;

/** The linear memory of the instance that calls, as large as it is now. */
export type MemoryOf = () => ArrayBuffer;

type Value = number | bigint;

/** An import: it takes its values in their order from a call. */
interface Import {
  parameters: readonly ValueType[];
  result: ValueType;
  run: (call: Call) => Value;
}

/** The values that WebAssembly calls with, and its memory. */
class Call {
  private taken = 0;

  constructor(
    private readonly values: readonly Value[],
    private readonly memory: MemoryOf,
    private readonly hasKeyBytes: boolean,
  ) {}

  i64(): bigint {
    return BigInt(this.values[this.taken++] ?? 0);
  }

  u32(): number {
    return Number(this.values[this.taken++]) >>> 0;
  }

  /** The text of the key that an i64 is, or the bytes that two i32 are the place of. */
  key(): string {
    if (this.hasKeyBytes) return keyText(this.bytes().slice());
    const key = this.i64();
    if (key < 0n || key > MAX) {
      throw new RangeError(`an integer key must be from 0 to ${MAX}, not ${key}`);
    }
    return String(key);
  }

  /** The bytes whose place and length come next. */
  bytes(): Uint8Array {
    const offset = this.u32();
    return this.bytesAt(offset, this.u32());
  }

  bytesAt(offset: number, length: number): Uint8Array {
    const memory = this.memory();
    if (offset + length > memory.byteLength) {
      throw new RangeError("bytes lie outside of the module's memory");
    }
    return new Uint8Array(memory, offset, length);
  }
}

/** Imports that take a key first, without it. */
const KEYED: Readonly<Record<string, Import>> = {
  ht_get: { parameters: ['i32', 'i32'], result: 'i64', run: (call) => copy(call, () => 0) },
  ht_view: {
    parameters: ['i32', 'i32', 'i32'],
    result: 'i64',
    run: (call) => copy(call, () => call.u32()),
  },
  ht_length: {
    parameters: [],
    result: 'i64',
    run: (call) => lengthOf(find(call.key())),
  },
  ht_has: {
    parameters: [],
    result: 'i32',
    run: (call) => Number(find(call.key()) !== undefined),
  },
  ht_get_u32: {
    parameters: ['i32'],
    result: 'i64',
    run: (call) => {
      const element = elementOf(call.key(), call.u32(), 4);
      return element === undefined ? ABSENT : BigInt(element.getUint32(0, true));
    },
  },
  ht_get_f64: {
    parameters: ['i32'],
    result: 'f64',
    run: (call) => elementOf(call.key(), call.u32(), 8)?.getFloat64(0, true) ?? NaN,
  },
  ht_set: { parameters: ['i32', 'i32', 'i64', 'i32'], result: 'i32', run: set },
  ht_append: {
    parameters: ['i32', 'i32'],
    result: 'i64',
    run: (call) => {
      const { store } = writableInvocation();
      const key = call.key();
      const [before, more] = [store.find(key) ?? new Uint8Array(), call.bytes()];
      const bytes = new Uint8Array(before.byteLength + more.byteLength);
      bytes.set(before);
      bytes.set(more, before.byteLength);
      store.put(key, bytes, store.expiryOf(key) ?? Infinity);
      return BigInt(bytes.byteLength);
    },
  },
  ht_add: {
    parameters: ['i64'],
    result: 'i64',
    run: (call) => {
      const { store } = writableInvocation();
      const [key, delta] = [call.key(), call.i64()];
      if (delta < -MAX || delta > MAX) throw rangeError('deltaRange');
      return BigInt(store.add(key, Number(delta)));
    },
  },
  ht_delete: {
    parameters: [],
    result: 'i32',
    run: (call) => Number(writableInvocation().store.remove(call.key())),
  },
  ht_expire: {
    parameters: ['i64'],
    result: 'i32',
    run: (call) => {
      const { store } = writableInvocation();
      const [key, ttl] = [call.key(), call.i64()];
      return Number(store.expire(key, expiryIn(ttl, store.now())));
    },
  },
  ht_ttl: {
    parameters: [],
    result: 'i64',
    run: (call) => {
      const { store } = invocation();
      const expiresAt = store.expiryOf(call.key());
      if (expiresAt === undefined) return ABSENT;
      return expiresAt === Infinity ? 0n : BigInt(expiresAt - store.now());
    },
  },
};

/** The others. */
const UNKEYED: Readonly<Record<string, Import>> = {
  ht_get_many: {
    parameters: ['i32', 'i32', 'i32', 'i32'],
    result: 'i32',
    run: (call) => gather(call, 4),
  },
  ht_get_many_f64: {
    parameters: ['i32', 'i32', 'i32', 'i32'],
    result: 'i32',
    run: (call) => gather(call, 8),
  },
  ht_scan: { parameters: ['i64', 'i32', 'i32'], result: 'i64', run: scan },
};

/** An import of a name, as a function of JavaScript for an instance with a memory. */
export interface StoreImport {
  type: FunctionType;
  bind: (memory: MemoryOf) => (...values: Value[]) => Value;
}

/** All imports by their names. */
export const STORE_IMPORTS: ReadonlyMap<string, StoreImport> = new Map([
  ...Object.entries(KEYED).flatMap(([name, each]) => [
    storeImport(name, each, ['i64']),
    storeImport(`${name}_s`, each, ['i32', 'i32']),
  ]),
  ...Object.entries(UNKEYED).map(([name, each]) => storeImport(name, each, [])),
]);

function storeImport(
  name: string,
  { parameters, result, run }: Import,
  key: readonly ValueType[],
): [string, StoreImport] {
  const hasKeyBytes = key.length === 2;
  return [
    name,
    {
      type: { parameters: [...key, ...parameters], results: [result] },
      bind:
        (memory) =>
        (...values) =>
          run(new Call(values, memory, hasKeyBytes)),
    },
  ];
}

function find(key: string): Uint8Array | undefined {
  return invocation().store.find(key);
}

function lengthOf(value: Uint8Array | undefined): bigint {
  return value === undefined ? ABSENT : BigInt(value.byteLength);
}

function copy(call: Call, takeStart: () => number): bigint {
  const [key, from] = [call.key(), takeStart()];
  const into = call.bytes();
  const value = find(key);
  if (value !== undefined) into.set(value.subarray(from, from + into.byteLength));
  return lengthOf(value);
}

function elementOf(key: string, index: number, size: number): DataView | undefined {
  const value = find(key);
  if (value === undefined || (index + 1) * size > value.byteLength) return undefined;
  return new DataView(value.buffer, value.byteOffset + index * size, size);
}

function gather(call: Call, size: number): number {
  const [keysAt, count, field, outAt] = [call.u32(), call.u32(), call.u32(), call.u32()];
  const keys = call.bytesAt(keysAt, count * 4);
  const out = call.bytesAt(outAt, count * size);
  if (keysAt % 4 !== 0) throw new RangeError('keys must lie at a multiple of 4');
  if (field > MAX_FIELD) return 0;
  const view = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
  let found = 0;
  for (let i = 0; i < count; i++) {
    const element = elementOf(String(view.getUint32(i * 4, true)), field, size);
    if (element === undefined) continue;
    out.set(new Uint8Array(element.buffer, element.byteOffset, size), i * size);
    found++;
  }
  return found;
}

function set(call: Call): number {
  const { store } = writableInvocation();
  const [key, value] = [call.key(), call.bytes().slice()];
  const [ttl, flags] = [call.i64(), call.u32()];
  if ((flags & ~(IF_ABSENT | IF_PRESENT | KEEP_TTL)) !== 0) {
    throw new RangeError(`unknown flags of ht_set: ${flags}`);
  }
  const [ifAbsent, ifPresent, keepTtl] = [IF_ABSENT, IF_PRESENT, KEEP_TTL].map(
    (flag) => (flags & flag) !== 0,
  );
  if (ifAbsent && ifPresent) throw storeError('presenceOptions');
  if (ttl !== 0n && keepTtl) throw storeError('expiryOptions');
  const expiresAt = expiryIn(ttl, store.now());
  const before = store.expiryOf(key);
  if ((ifAbsent && before !== undefined) || (ifPresent && before === undefined)) return 0;
  store.put(key, value, keepTtl ? (before ?? Infinity) : expiresAt);
  return 1;
}

/** When a key expires that does so in `ttl` milliseconds, Infinity at 0. */
function expiryIn(ttl: bigint, now: number): number {
  if (ttl < 0n || ttl > MAX - BigInt(now)) throw rangeError('ttlRange');
  return ttl === 0n ? Infinity : now + Number(ttl);
}

function scan(call: Call): bigint {
  const cursor = call.i64();
  if (cursor < 0n || cursor > MAX) throw rangeError('cursorRange');
  const [into, capacity] = [call.u32(), call.u32()];
  if (capacity < 4) throw new RangeError('ht_scan needs 4 bytes or more to write to');
  const bytes = call.bytesAt(into, capacity);
  const { keys, next } = invocation().store.scan(Number(cursor));
  const view = new DataView(bytes.buffer, bytes.byteOffset, capacity);
  const found = keys.map(keyBytes);
  const needed = found.reduce((sum, key) => sum + 4 + paddedLength(key), 4);
  if (needed > capacity) {
    view.setUint32(0, needed, true);
    return -1n;
  }
  view.setUint32(0, found.length, true);
  let at = 4;
  for (const key of found) {
    view.setUint32(at, key.byteLength, true);
    bytes.fill(0, at + 4, at + 4 + paddedLength(key));
    bytes.set(key, at + 4);
    at += 4 + paddedLength(key);
  }
  return BigInt(next);
}

function paddedLength(key: Uint8Array): number {
  return Math.ceil(key.byteLength / 4) * 4;
}

/** An error whose argument JavaScript has not seen. */
function rangeError(name: StoreErrorName): RangeError {
  return new RangeError(STORE_ERRORS[name].text);
}
