// The errors of shredder:store. The store's own are listed in builtins-csa/layout/store_errors.h,
// its limits in limits.h there; tests/functions-errors.test.ts holds these to those.

export const MAX_KEY_BYTES = 65_536;
export const MAX_VALUE_BYTES = 512 * 1024 * 1024;
export const MAX_TEXT_BYTES = 32 * 1024 * 1024;
export const MAX_PATTERN_BYTES = 4096;
export const MAX_VIEWS_PER_CALL = 65_536;

const MAX = Number.MAX_SAFE_INTEGER;

interface ErrorInfo {
  type: typeof TypeError | typeof RangeError;
  text: string;
  /** Whether the text ends with what the argument was. */
  showsArgument: boolean;
}

const plain = (type: ErrorInfo['type'], text: string): ErrorInfo => ({
  type,
  text,
  showsArgument: false,
});
const showing = (type: ErrorInfo['type'], text: string): ErrorInfo => ({
  type,
  text,
  showsArgument: true,
});

export const STORE_ERRORS = {
  keyType: showing(TypeError, 'key must be a string, an integer or a Uint8Array'),
  keyNumber: showing(RangeError, `a number used as a key must be an integer from 0 to ${MAX}`),
  keyTooLong: plain(RangeError, `key is longer than ${MAX_KEY_BYTES} bytes`),
  keySurrogate: plain(TypeError, 'key has a lone surrogate, which has no UTF-8 form'),
  bufferType: showing(TypeError, 'bytes must be an ArrayBuffer or a view of one'),
  valueType: showing(TypeError, 'value must be a string, an ArrayBuffer or a view of one'),
  bufferUnusable: plain(TypeError, 'buffer must be neither detached nor shared nor resizable'),
  indexType: showing(TypeError, 'index must be a number'),
  indexRange: showing(RangeError, `index must be an integer from 0 to ${MAX}`),
  keysType: showing(TypeError, 'keys must be a Uint32Array or an array of keys'),
  tooManyKeys: plain(RangeError, `keys are more than ${MAX_VIEWS_PER_CALL}`),
  outType: showing(TypeError, 'out must be a Uint32Array or a Float64Array'),
  outTooShort: plain(RangeError, 'out must be as long as keys'),
  viewEnded: plain(
    TypeError,
    "a StoreView is valid until its invocation ends, and this one's has ended",
  ),
  viewOffset: plain(RangeError, 'offset is outside the bounds of the StoreView'),
  cursorType: showing(TypeError, 'cursor must be a number'),
  cursorRange: showing(RangeError, `cursor must be an integer from 0 to ${MAX}`),
  intoType: showing(TypeError, 'into must be an array'),
  intoFixed: plain(TypeError, 'into must be an array whose length may change'),
  deltaType: showing(TypeError, 'delta must be a number'),
  deltaRange: showing(RangeError, `delta must be an integer from -${MAX} to ${MAX}`),
  notCounter: plain(TypeError, 'value is not an integer'),
  sumRange: plain(RangeError, 'the sum is not a safe integer'),
  optionsType: showing(TypeError, 'options must be an object'),
  expiryOptions: plain(TypeError, 'options can have one of ttl, expiresAt and keepTtl'),
  presenceOptions: plain(TypeError, 'options can have one of ifAbsent and ifPresent'),
  ttlType: showing(TypeError, 'ttl must be a number'),
  ttlRange: showing(RangeError, 'ttl must be a positive integer of milliseconds or Infinity'),
  ttlInteger: showing(RangeError, 'ttl must be a safe integer of milliseconds or Infinity'),
  expiresAtType: showing(TypeError, 'expiresAt must be a number'),
  expiresAtRange: showing(RangeError, 'expiresAt must be an integer of Unix ms or Infinity'),
  patternType: showing(TypeError, 'pattern must be a string'),
  patternTooLong: plain(RangeError, `pattern is longer than ${MAX_PATTERN_BYTES} bytes`),
  textTooLong: plain(RangeError, `value is longer than ${MAX_TEXT_BYTES} bytes, so no text`),
  readOnlyFunction: plain(
    TypeError,
    'READONLY a function with the flag no-writes cannot write the store',
  ),
  outOfMemory: plain(RangeError, "OOM the tenant's memory quota is used up"),
  valueTooLong: plain(RangeError, `value is longer than ${MAX_VALUE_BYTES} bytes`),
} as const satisfies Readonly<Record<string, ErrorInfo>>;

export type StoreErrorName = keyof typeof STORE_ERRORS;

/** An error as the store throws it; `argument` is what was wrong, for those that show it. */
export function storeError(name: StoreErrorName, argument?: unknown): Error {
  const { type: Type, text, showsArgument } = STORE_ERRORS[name];
  return new Type(showsArgument ? `${text}, not ${shown(argument)}` : text);
}

/** A number's digits, or what else the argument is. */
function shown(argument: unknown): string {
  if (typeof argument === 'number') return String(argument);
  return argument === null ? 'null' : typeof argument;
}
