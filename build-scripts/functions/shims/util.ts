// node:util: what packages use of it that needs no Node.
import { isDeepEqual } from './equal.ts';
import { custom, format, inspect as show } from './inspect.ts';

type Callback = (error: unknown, value?: unknown) => void;
type Constructor = abstract new (...args: never[]) => object;

export const inspect = Object.assign(show, { custom });
export { format };

export function inherits(constructor: Constructor, parent: Constructor): void {
  Object.defineProperty(constructor, 'super_', {
    value: parent,
    writable: true,
    configurable: true,
  });
  Object.setPrototypeOf(constructor.prototype, parent.prototype);
}

const promisified = Symbol.for('nodejs.util.promisify.custom');

export const promisify = Object.assign(
  (original: (...args: unknown[]) => unknown): ((...args: unknown[]) => Promise<unknown>) => {
    const own = (original as unknown as Record<symbol, unknown>)[promisified];
    if (typeof own === 'function') return own as (...args: unknown[]) => Promise<unknown>;
    return function (this: unknown, ...args) {
      return new Promise((resolve, reject) => {
        const callback: Callback = (error, value) => (error ? reject(error) : resolve(value));
        original.call(this, ...args, callback);
      });
    };
  },
  { custom: promisified },
);

export function callbackify(
  original: (...args: unknown[]) => Promise<unknown>,
): (...args: unknown[]) => void {
  return function (this: unknown, ...args) {
    const callback = args.pop() as Callback;
    original.apply(this, args).then((value) => callback(null, value), callback);
  };
}

/** Nobody reads warnings in the store. */
export function deprecate<F>(original: F): F {
  return original;
}

export function debuglog(): () => void {
  return () => {};
}

export function isDeepStrictEqual(a: unknown, b: unknown): boolean {
  return isDeepEqual(a, b, true);
}

export const isArray = Array.isArray;

/** Without the escapes that colour a terminal's text. */
export function stripVTControlCharacters(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about.
  return text.replaceAll(/\u001b\[[\d;?]*[ -/]*[@-~]/g, '');
}

const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);
const isA =
  (...tags: readonly string[]) =>
  (value: unknown): boolean =>
    typeof value === 'object' && value !== null && tags.includes(tagOf(value));

export const types = {
  isAnyArrayBuffer: isA('ArrayBuffer'),
  isArrayBuffer: isA('ArrayBuffer'),
  isArrayBufferView: (value: unknown): boolean => ArrayBuffer.isView(value),
  isAsyncFunction: (value: unknown): boolean => tagOf(value) === 'AsyncFunction',
  isBigInt64Array: isA('BigInt64Array'),
  isBigUint64Array: isA('BigUint64Array'),
  isBoxedPrimitive: isA('Number', 'String', 'Boolean', 'Symbol', 'BigInt'),
  isDataView: isA('DataView'),
  isDate: isA('Date'),
  isFloat32Array: isA('Float32Array'),
  isFloat64Array: isA('Float64Array'),
  isGeneratorFunction: (value: unknown): boolean => tagOf(value) === 'GeneratorFunction',
  isGeneratorObject: isA('Generator'),
  isInt16Array: isA('Int16Array'),
  isInt32Array: isA('Int32Array'),
  isInt8Array: isA('Int8Array'),
  isMap: isA('Map'),
  isNativeError: isA('Error'),
  isPromise: isA('Promise'),
  isRegExp: isA('RegExp'),
  isSet: isA('Set'),
  isTypedArray: (value: unknown): boolean =>
    ArrayBuffer.isView(value) && !(value instanceof DataView),
  isUint16Array: isA('Uint16Array'),
  isUint32Array: isA('Uint32Array'),
  isUint8Array: isA('Uint8Array'),
  isUint8ClampedArray: isA('Uint8ClampedArray'),
  isWeakMap: isA('WeakMap'),
  isWeakSet: isA('WeakSet'),
};

export default {
  callbackify,
  debuglog,
  deprecate,
  format,
  inherits,
  inspect,
  isArray,
  isDeepStrictEqual,
  promisify,
  stripVTControlCharacters,
  types,
};
