// The Redis clients that a typed client works over.

/** An argument of a command: a text, or bytes, which are a Buffer. */
export type Argument = string | Uint8Array;

/** ioredis and iovalkey, of a server or of a cluster. */
export interface IoredisLike {
  // Of a Buffer, whose type belongs to Node's, no declaration here speaks.
  call(command: string, args: never[]): Promise<unknown>;
  pipeline(): IoredisPipeline;
}

interface IoredisPipeline {
  call(command: string, args: never[]): unknown;
  exec(): Promise<[error: Error | null, reply: unknown][] | null>;
}

/** node-redis. */
export interface NodeRedisLike {
  sendCommand(args: never[]): Promise<unknown>;
}

/** valkey-glide. */
export interface GlideLike {
  customCommand(args: never[]): Promise<unknown>;
}

/** A connected client of any of these libraries. */
export type RedisConnection = IoredisLike | NodeRedisLike | GlideLike;

/** Sends a command, and resolves with its reply. */
export type Send = (args: Argument[]) => Promise<unknown>;

/** Sends commands together, and resolves with the outcome of each. */
export type SendAll = (commands: Argument[][]) => Promise<PromiseSettledResult<unknown>[]>;

/**
 * How one command is sent.
 *
 * @throws TypeError where the connection is of no library that is known.
 */
export function senderOf(connection: RedisConnection): Send {
  if (has(connection, 'customCommand')) return (args) => connection.customCommand(args as never[]);
  if (has(connection, 'call')) {
    return ([command, ...args]) => connection.call(command as string, args as never[]);
  }
  if (has(connection, 'sendCommand')) return (args) => connection.sendCommand(args as never[]);
  throw new TypeError(
    'a typed client needs a connection of ioredis, iovalkey, node-redis or valkey-glide, ' +
      `got ${connection === null ? 'null' : typeof connection}`,
  );
}

/** How several are sent together. */
export function pipelineOf(connection: RedisConnection): SendAll {
  const send = senderOf(connection);
  if (!has(connection, 'call')) {
    // node-redis and valkey-glide write together what is asked for in one turn.
    return (commands) => Promise.allSettled(commands.map(send));
  }
  return async (commands) => {
    const pipeline = connection.pipeline();
    for (const [command, ...args] of commands) pipeline.call(command as string, args as never[]);
    const outcomes = (await pipeline.exec()) ?? [];
    return outcomes.map(([error, value]) =>
      error === null || error === undefined
        ? { status: 'fulfilled', value }
        : { status: 'rejected', reason: error },
    );
  };
}

function has<Name extends 'call' | 'sendCommand' | 'customCommand'>(
  connection: RedisConnection,
  name: Name,
): connection is Extract<RedisConnection, Record<Name, unknown>> {
  return typeof (connection as Partial<Record<Name, unknown>> | null)?.[name] === 'function';
}

/** Errors by which the libraries pass on an error reply; all others are of the connection. */
const REPLY_ERRORS: ReadonlySet<string> = new Set([
  'ReplyError',
  'ErrorReply',
  'SimpleError',
  'BlobError',
  'RequestError',
]);

/** The line of the server's that an error of a library stands for; undefined where it is none. */
export function replyLineOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (!REPLY_ERRORS.has(error.name) && !REPLY_ERRORS.has(error.constructor.name)) return undefined;
  return lineOf(error.message);
}

/** As valkey-glide has it: `An error was signalled by the server: - ResponseError: text`, of `ERR text`. */
const GLIDE_LINE = /^[A-Z][\w ]*: - (\w+): (.*)$/s;

function lineOf(message: string): string {
  const [, code = '', text] = GLIDE_LINE.exec(message) ?? [];
  if (text === undefined) return message;
  return `${code === 'ResponseError' ? 'ERR' : code} ${text}`;
}
