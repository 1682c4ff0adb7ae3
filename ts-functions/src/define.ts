// Functions whose keys, arguments and results have types that callers see, and schemas that hold them to it.
import type { FunctionFlag, Result } from './index.ts';
import {
  describeIssues,
  type InputOf,
  type OutputOf,
  type Schema,
  type Validation,
} from './schema.ts';
import { decodeTyped } from './typed_json.ts';

/** What a function says of itself. */
export interface Definition<Keys, Args, Returned> {
  /** A schema of its keys, an array of texts; absent: any. */
  keys?: Keys;
  /** A schema of its argument; absent: it takes none. */
  args?: Args;
  /** A schema of its result; absent: what the handler returns. */
  result?: Returned;
  /** Absent: none. */
  flags?: readonly FunctionFlag[];
  /** One line for FUNCTION LIST. */
  description?: string;
}

/** A function that typed callers know, by `client<typeof import('./library.ts')>`. */
export interface DefinedFunction<Keys, Args, Returned> {
  /**
   * As `FCALL name numkeys [key ...] [argument]` calls it: the argument is one text of JSON.
   *
   * @throws ArgumentsError where the keys or the argument are not what the definition says.
   */
  (keys: string[], args: string[]): Result | Promise<Result>;
  /** Tells the store and the test double that the argument is one text of JSON. */
  readonly typed: true;
  flags?: readonly FunctionFlag[];
  description?: string;
  /** Of types alone: there is nothing at run time. */
  readonly '~types'?: { readonly keys: Keys; readonly args: Args; readonly result: Returned };
}

/** The keys or the argument of a call are not what the function takes. */
export class ArgumentsError extends TypeError {
  override readonly name = 'ArgumentsError';
}

/** What a function returned is not what its definition says. */
export class ResultError extends TypeError {
  override readonly name = 'ResultError';
}

/**
 * Makes a function that typed clients call: its keys, argument and result are held to the schemas, of any
 * library that speaks Standard Schema (zod, valibot, arktype), and have their types where it is called.
 *
 *     export const add = defineFunction(
 *       { args: z.object({ sku: z.string(), quantity: z.int().positive() }), result: z.number() },
 *       ([cart], { sku, quantity }) => addToCart(cart, sku, quantity),
 *     );
 *
 * Clients send the argument as typed JSON, in which bigints, bytes, Date, Map and Set are what they are.
 *
 * @param handler Called with the keys and the argument as their schemas give them. What it returns is taken
 * by `result`, and what that gives is the reply.
 */
export function defineFunction<
  Returned extends InputOf<ResultSchema, unknown>,
  KeysSchema extends Schema | undefined = undefined,
  ArgsSchema extends Schema | undefined = undefined,
  ResultSchema extends Schema | undefined = undefined,
>(
  definition: Definition<KeysSchema, ArgsSchema, ResultSchema>,
  handler: (
    keys: OutputOf<KeysSchema, string[]>,
    args: OutputOf<ArgsSchema, undefined>,
  ) => Returned | Promise<Returned>,
): DefinedFunction<
  InputOf<KeysSchema, string[]>,
  InputOf<ArgsSchema, undefined>,
  OutputOf<ResultSchema, Returned>
> {
  const { keys: keysSchema, args: argsSchema, result: resultSchema, ...properties } = definition;
  // Made here, so that a caller is told where the function was defined: nothing of the author's is on
  // the stack of a call that is refused.
  const wrongCall = new ArgumentsError();
  const wrongResult = new ResultError();

  const check = <T>(
    root: string,
    schema: Schema | undefined,
    value: unknown,
    wrong: Error,
    then: (checked: unknown) => T | Promise<T>,
  ): T | Promise<T> => {
    if (schema === undefined) return then(value);
    const take = (validation: Validation<unknown>): T | Promise<T> => {
      if (validation.issues) throw saying(wrong, describeIssues(root, validation.issues));
      return then(validation.value);
    };
    const validation = schema['~standard'].validate(value);
    return isPromise(validation) ? validation.then(take) : take(validation);
  };

  const call = (keys: string[], args: string[]): Result | Promise<Result> =>
    check('keys', keysSchema, keys, wrongCall, (checkedKeys) =>
      check(
        'args',
        argsSchema,
        argumentOf(args, wrongCall, argsSchema),
        wrongCall,
        (checkedArgs) => {
          const returned = handler(checkedKeys as never, checkedArgs as never);
          const finish = (value: unknown): Result | Promise<Result> =>
            check('result', resultSchema, value, wrongResult, (checked) => checked as Result);
          return isPromise(returned) ? returned.then(finish) : finish(returned);
        },
      ),
    );
  return Object.assign(call, properties, { typed: true as const });
}

function argumentOf(args: readonly string[], wrong: Error, schema: Schema | undefined): unknown {
  const [text, ...more] = args;
  if (more.length > 0) {
    throw saying(wrong, `args: expected one text of JSON, got ${args.length} arguments`);
  }
  const value = text === undefined ? undefined : decoded(text, wrong);
  if (schema === undefined && value !== undefined) {
    throw saying(wrong, 'args: expected no argument');
  }
  return value;
}

function decoded(text: string, wrong: Error): unknown {
  try {
    return decodeTyped(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw saying(wrong, `args: expected a text of JSON: ${why}`);
  }
}

/**
 * In the store there is one invocation at a time, which ends with its error: one a definition is enough,
 * and has the frames that the place is taken from. In Node, where tests are, invocations of several stores run
 * at once, and who calls may keep the errors.
 */
const RUNS_ONE = !('process' in globalThis);

function saying(made: Error, message: string): Error {
  const frames = /(?:\n {4}at .*)+$/.exec(made.stack ?? '')?.[0] ?? '';
  const error = RUNS_ONE ? made : new (made.constructor as new () => Error)();
  error.message = message;
  error.stack = `${error.name}: ${message}${frames}`;
  return error;
}

function isPromise<T>(value: T | PromiseLike<T> | Promise<T>): value is Promise<T> {
  return value instanceof Promise;
}
