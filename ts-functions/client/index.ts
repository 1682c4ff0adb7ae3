// Calls of a library's functions with the types that its source gives them, over any Redis client:
//
//     import { client } from 'shredder-functions/client';
//     const cart = client<typeof import('./cart.ts')>(new Redis(7379));
//     const total = await cart.add({ keys: ['cart:7'], args: { sku: 'tea', quantity: 2 } });
//
// The source is named for its types alone. What is sent and received is typed JSON (FCALL_JSON), so that
// a value is the same whichever client and protocol carries it.
import { decodeTyped, encodeTyped } from '../src/typed_json.ts';
import {
  pipelineOf,
  replyLineOf,
  senderOf,
  type Argument,
  type RedisConnection,
  type Send,
} from './connections.ts';
import { errorOfReply } from './errors.ts';
import type { Asked, Client } from './types.ts';

export type {
  Argument,
  GlideLike,
  IoredisLike,
  NodeRedisLike,
  RedisConnection,
} from './connections.ts';
export { ArgumentsError, FunctionError, LimitError, ShredderError } from './errors.ts';
export type { Arrived, Call, CallInput, CallOf, Client, PlainInput } from './types.ts';

/** What a call is given, whatever its types. */
interface Input {
  readonly keys?: readonly (string | number | Uint8Array)[];
  readonly args?: unknown;
}

type Outcome = PromiseSettledResult<unknown>;

const NO_REPLY: Outcome = {
  status: 'rejected',
  reason: new TypeError('the connection gave no reply for a call of a pipeline'),
};

/**
 * What JavaScript asks of any object: of one that an `async` function returns, that is written as JSON or
 * is put into a text. None is a call.
 */
const ASKED: ReadonlySet<string> = new Set<Asked>(['then', 'toJSON', 'toString', 'valueOf']);

/** Of what `client` has made. */
const connections = new WeakMap<object, RedisConnection>();

/**
 * The functions of a library, to call.
 *
 * A call rejects with a `ShredderError` where the server replies with an error, with a `TypeError` where
 * what it is given cannot be sent, and with the connection's own error where that fails.
 *
 * @param connection Of ioredis, iovalkey, node-redis or valkey-glide. It stays the caller's, to open, to
 * authenticate and to close.
 */
export function client<Library>(connection: RedisConnection): Client<Library> {
  const calls = callsThrough(senderOf(connection));
  connections.set(calls, connection);
  return calls as Client<Library>;
}

/**
 * Makes calls together, without waiting for one another:
 *
 *     const [total, lines] = await pipeline(cart, (calls) => [
 *       calls.total({ keys: ['cart:7'] }),
 *       calls.lines({ keys: ['cart:7'] }),
 *     ]);
 *
 * Each is a call of its own: others' may come in between, and one that fails undoes no other.
 *
 * @param of What `client` made.
 * @param make Makes calls of what it is given, all of them before it returns, and returns them.
 * @returns their results. Rejects with the first error where one has failed: all have been made then.
 */
export async function pipeline<Calls extends object, const Made extends readonly unknown[]>(
  of: Calls,
  make: (calls: Calls) => Made,
): Promise<{ -readonly [Index in keyof Made]: Awaited<Made[Index]> }> {
  const connection = connections.get(of);
  if (connection === undefined) throw new TypeError('pipeline needs what client() has made');
  const pending: { command: Argument[]; settle: (outcome: Outcome) => void }[] = [];
  let isMade = false;
  const calls = callsThrough(
    (command) =>
      new Promise((resolve, reject) => {
        if (isMade) throw new TypeError('a call of a pipeline was made when it had been sent');
        const settle = (outcome: Outcome): void => {
          if (outcome.status === 'fulfilled') resolve(outcome.value);
          else reject(outcome.reason as Error);
        };
        pending.push({ command, settle });
      }),
  );
  // Whatever fails first, all are waited for: no rejection is left without who handles it.
  const results = Promise.allSettled(make(calls as Calls));
  isMade = true;
  const commands = pending.map(({ command }) => command);
  const outcomes = await pipelineOf(connection)(commands).catch((reason: unknown) =>
    commands.map((): Outcome => ({ status: 'rejected', reason })),
  );
  for (const [index, { settle }] of pending.entries()) settle(outcomes[index] ?? NO_REPLY);
  const values = (await results).map((each) => {
    if (each.status === 'rejected') throw each.reason;
    return each.value as unknown;
  });
  return values as { -readonly [Index in keyof Made]: Awaited<Made[Index]> };
}

function callsThrough(send: Send): object {
  const calls = new Map<string, (input?: Input) => Promise<unknown>>();
  return new Proxy(Object.create(null) as object, {
    get(_, name) {
      if (!isCalled(name)) return undefined;
      let call = calls.get(name);
      if (call === undefined) {
        call = (input) => callFunction(send, name, input);
        calls.set(name, call);
      }
      return call;
    },
    has: (_, name) => isCalled(name),
  });
}

function isCalled(name: string | symbol): name is string {
  return typeof name === 'string' && !ASKED.has(name);
}

async function callFunction(send: Send, name: string, input: Input = {}): Promise<unknown> {
  const { keys = [], args } = input;
  if (!Array.isArray(keys)) throw new TypeError(`keys are an array, got ${typeof keys}`);
  const command: Argument[] = ['FCALL_JSON', name, String(keys.length)];
  for (const key of keys) command.push(keyArgument(key));
  if (args !== undefined) command.push(encodeTyped(args));
  let reply: unknown;
  try {
    reply = await send(command);
  } catch (error) {
    const line = replyLineOf(error);
    throw line === undefined ? error : errorOfReply(line, name, error);
  }
  const text = typeof reply === 'string' ? reply : textOf(reply);
  return decodeTyped(text, (line) => errorOfReply(line, name));
}

function keyArgument(key: string | number | Uint8Array): Argument {
  if (typeof key === 'string') return key;
  if (Number.isSafeInteger(key) && (key as number) >= 0) return String(key);
  if (key instanceof Uint8Array) return Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  const got = typeof key === 'number' ? key : typeof key;
  throw new TypeError(`a key is a text, an integer from 0 on or a Uint8Array, got ${got}`);
}

function textOf(reply: unknown): string {
  if (reply instanceof Uint8Array) return new TextDecoder().decode(reply);
  throw new TypeError('the reply is no text of JSON: is the server Shredder, and new enough?');
}
