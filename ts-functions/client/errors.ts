// A server's error replies as classes.

/** An error that the server replied with. */
export class ShredderError extends Error {
  override readonly name: string = 'ShredderError';

  /**
   * @param code The reply's first word, such as `ERR`, `OOM`, `NOAUTH`.
   * @param function_ The function that was called.
   * @param place Where in its author's sources, `cart.ts:12:9`; undefined where the server names none.
   * @param cause What the Redis client has made of the reply.
   */
  constructor(
    message: string,
    readonly code: string,
    function_: string,
    readonly place: string | undefined,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.function = function_;
  }

  /** The name of the function that was called. */
  readonly function: string;
}

/** The keys or the argument are not what the function takes; nothing of it has run. */
export class ArgumentsError extends ShredderError {
  override readonly name = 'ArgumentsError';
}

/** The function threw; what it had written is undone. */
export class FunctionError extends ShredderError {
  override readonly name = 'FunctionError';
  /** The name of what it threw, such as `RangeError`; empty where that was no error. */
  readonly thrown: string;

  constructor(
    message: string,
    code: string,
    function_: string,
    place: string | undefined,
    thrown: string,
    cause?: unknown,
  ) {
    super(message, code, function_, place, cause);
    this.thrown = thrown;
  }
}

/** A limit of the tenant's ended or refused the call: time, memory, requests. Nothing of it was written. */
export class LimitError extends ShredderError {
  override readonly name = 'LimitError';
}

/** Replies of limits that have a prefix of their own. */
const LIMIT_CODES: ReadonlySet<string> = new Set(['OOM', 'THROTTLED', 'BUSY']);
/** The texts of the others. */
const LIMIT_TEXT =
  /^function (?:was (?:terminated after|killed by)|used up)|^arguments are larger than /;

/** Behind the last ` at `: a message may have others. */
const PLACE = / at ((?:(?! at ).)+:\d+:\d+)$/;
const THROWN = /^([A-Za-z_$][\w$]*): /;

/** The error that a reply's line means. */
export function errorOfReply(line: string, called: string, cause?: unknown): ShredderError {
  const [, code = 'ERR', text = line] = /^([A-Z][A-Z0-9_]*) (.*)$/s.exec(line) ?? [];
  if (LIMIT_CODES.has(code) || LIMIT_TEXT.test(text)) {
    const place = PLACE.exec(text);
    return new LimitError(withoutPlace(text, place), code, called, place?.[1], cause);
  }
  const place = PLACE.exec(text);
  const message = withoutPlace(text, place);
  const [prefix = '', thrown = ''] = THROWN.exec(message) ?? [];
  if (thrown === 'ArgumentsError') {
    return new ArgumentsError(message.slice(prefix.length), code, called, place?.[1], cause);
  }
  if (place === null && thrown === '') {
    return new ShredderError(message, code, called, undefined, cause);
  }
  return new FunctionError(message.slice(prefix.length), code, called, place?.[1], thrown, cause);
}

function withoutPlace(text: string, place: RegExpExecArray | null): string {
  return place === null ? text : text.slice(0, place.index);
}
