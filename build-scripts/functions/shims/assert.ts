// node:assert.
import { isDeepEqual } from './equal.ts';
import { inspect } from './inspect.ts';

type Message = string | Error | undefined;
type Expected = RegExp | object | ((error: unknown) => boolean) | undefined;

export class AssertionError extends Error {
  override readonly name = 'AssertionError';
  readonly code = 'ERR_ASSERTION';
  readonly actual: unknown;
  readonly expected: unknown;
  readonly operator: string | undefined;

  constructor(options: {
    message?: string | undefined;
    actual?: unknown;
    expected?: unknown;
    operator?: string | undefined;
  }) {
    const { message, actual, expected, operator } = options;
    super(message ?? `${inspect(actual)} ${operator ?? 'is not'} ${inspect(expected)}`);
    this.actual = actual;
    this.expected = expected;
    this.operator = operator;
  }
}

function check(
  holds: boolean,
  message: Message,
  details: { actual?: unknown; expected?: unknown; operator: string },
): asserts holds {
  if (holds) return;
  if (message instanceof Error) throw message;
  throw new AssertionError({ message, ...details });
}

export function ok(value: unknown, message?: Message): asserts value {
  check(Boolean(value), message, { actual: value, expected: true, operator: '==' });
}

export function fail(message: Message = 'Failed'): never {
  if (message instanceof Error) throw message;
  throw new AssertionError({ message, operator: 'fail' });
}

export function equal(actual: unknown, expected: unknown, message?: Message): void {
  // biome-ignore lint/suspicious/noDoubleEquals: what the legacy mode is about.
  const holds = actual == expected || (Number.isNaN(actual) && Number.isNaN(expected));
  check(holds, message, { actual, expected, operator: '==' });
}

export function notEqual(actual: unknown, expected: unknown, message?: Message): void {
  // biome-ignore lint/suspicious/noDoubleEquals: what the legacy mode is about.
  check(actual != expected, message, { actual, expected, operator: '!=' });
}

export function strictEqual(actual: unknown, expected: unknown, message?: Message): void {
  check(Object.is(actual, expected), message, { actual, expected, operator: 'strictEqual' });
}

export function notStrictEqual(actual: unknown, expected: unknown, message?: Message): void {
  check(!Object.is(actual, expected), message, { actual, expected, operator: 'notStrictEqual' });
}

export function deepEqual(actual: unknown, expected: unknown, message?: Message): void {
  const operator = 'deepEqual';
  check(isDeepEqual(actual, expected, false), message, { actual, expected, operator });
}

export function notDeepEqual(actual: unknown, expected: unknown, message?: Message): void {
  const operator = 'notDeepEqual';
  check(!isDeepEqual(actual, expected, false), message, { actual, expected, operator });
}

export function deepStrictEqual(actual: unknown, expected: unknown, message?: Message): void {
  const operator = 'deepStrictEqual';
  check(isDeepEqual(actual, expected, true), message, { actual, expected, operator });
}

export function notDeepStrictEqual(actual: unknown, expected: unknown, message?: Message): void {
  const operator = 'notDeepStrictEqual';
  check(!isDeepEqual(actual, expected, true), message, { actual, expected, operator });
}

export function match(text: string, pattern: RegExp, message?: Message): void {
  check(pattern.test(text), message, { actual: text, expected: pattern, operator: 'match' });
}

export function doesNotMatch(text: string, pattern: RegExp, message?: Message): void {
  const operator = 'doesNotMatch';
  check(!pattern.test(text), message, { actual: text, expected: pattern, operator });
}

export function ifError(value: unknown): void {
  if (value !== null && value !== undefined) throw value;
}

export function throws(work: () => unknown, expected?: Expected | string, message?: Message): void {
  let thrown: { error: unknown } | undefined;
  try {
    work();
  } catch (error) {
    thrown = { error };
  }
  checkThrown(thrown, expected, message, 'throws');
}

export async function rejects(
  work: Promise<unknown> | (() => Promise<unknown>),
  expected?: Expected | string,
  message?: Message,
): Promise<void> {
  const thrown = await (typeof work === 'function' ? work() : work).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  checkThrown(thrown, expected, message, 'rejects');
}

export function doesNotThrow(work: () => unknown): void {
  work();
}

function checkThrown(
  thrown: { error: unknown } | undefined,
  expected: Expected | string,
  message: Message,
  operator: string,
): void {
  const said = typeof expected === 'string' ? expected : message;
  check(thrown !== undefined, said ?? 'Missing expected exception.', { operator });
  if (expected === undefined || typeof expected === 'string') return;
  const { error } = thrown;
  check(isExpected(error, expected), message, { actual: error, expected, operator });
}

function isExpected(error: unknown, expected: Exclude<Expected, undefined>): boolean {
  if (expected instanceof RegExp) return expected.test(String(error));
  if (typeof expected === 'function') {
    const isClass = expected.prototype !== undefined && error instanceof expected;
    return isClass || (!(expected.prototype instanceof Error) && expected(error) === true);
  }
  return Object.entries(expected).every(([name, value]) => {
    const actual = (error as Record<string, unknown> | undefined)?.[name];
    return value instanceof RegExp && typeof actual === 'string'
      ? value.test(actual)
      : isDeepEqual(actual, value, true);
  });
}

const all = {
  AssertionError,
  deepEqual,
  deepStrictEqual,
  doesNotMatch,
  doesNotThrow,
  equal,
  fail,
  ifError,
  match,
  notDeepEqual,
  notDeepStrictEqual,
  notEqual,
  notStrictEqual,
  ok,
  rejects,
  strictEqual,
  throws,
};

/** The same, where `equal` is `strictEqual`. */
export const strict = Object.assign(
  (value: unknown, message?: Message): void => ok(value, message),
  all,
  {
    equal: strictEqual,
    notEqual: notStrictEqual,
    deepEqual: deepStrictEqual,
    notDeepEqual: notDeepStrictEqual,
  },
);

export default Object.assign((value: unknown, message?: Message): void => ok(value, message), all, {
  strict,
});
