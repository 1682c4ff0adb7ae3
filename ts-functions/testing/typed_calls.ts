// Typed calls on the double: what FCALL_JSON does in the store.
import type { Argument, NodeRedisLike } from '../client/index.ts';
import { decodeTyped, encodeTyped } from '../src/typed_json.ts';
import type { Callable, TestStore } from './store.ts';

/** An error reply, as clients pass it on. */
class ReplyError extends Error {
  override readonly name = 'ReplyError';
}

/** A connection whose calls run functions of a library on a store. */
export function typedConnection(store: TestStore, library: object): NodeRedisLike {
  return {
    async sendCommand(command: readonly Argument[]) {
      const [, name = '', count, ...operands] = command;
      const fn: unknown = Reflect.get(library, String(name));
      if (typeof fn !== 'function') throw new ReplyError('ERR Function not found');
      const texts = operands.map((each) =>
        typeof each === 'string' ? each : new TextDecoder().decode(each),
      );
      const keys = texts.slice(0, Number(count));
      const [argument] = texts.slice(keys.length);
      let result: unknown;
      try {
        const args = argumentsOf(fn, argument);
        result = await store.call(fn as Callable<undefined>, keys, args);
      } catch (error) {
        throw new ReplyError(lineOf(error), { cause: error });
      }
      if (result instanceof Error) throw new ReplyError(`ERR ${result.message}`, { cause: result });
      return encodeTyped(result, 'the result');
    },
  };
}

/** Of a function that is not typed, the argument is an array of texts. */
function argumentsOf(fn: object, argument: string | undefined): string[] {
  if (argument === undefined) return [];
  if ('typed' in fn && fn.typed === true) return [argument];
  const list = decodeTyped(argument);
  if (Array.isArray(list) && list.every((each) => typeof each === 'string')) return list;
  throw new TypeError('args: the function takes an array of texts, and got other JSON');
}

/** The line that the server replies with, without a place. */
function lineOf(error: unknown): string {
  if (!(error instanceof Error)) return `ERR ${String(error)}`;
  const { name, message } = error;
  return /^(?:OOM|READONLY|ERR) /.test(message) ? message : `ERR ${name}: ${message}`;
}
