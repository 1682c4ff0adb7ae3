import { inspect } from 'node:util';
import type { RedisOptions } from 'ioredis';
import { printable } from '../ui/printable.ts';

/**
 * Client options under which a reply keeps what matters for showing it: numbers arrive as their
 * text, exact at any size, strings as Buffers (when asked for with `callBuffer`), maps as objects.
 */
export const EXACT_REPLIES: RedisOptions = {
  protocol: 3,
  replyMapping: 'resp3',
  stringNumbers: true,
};

/** A reply as the client decodes it under EXACT_REPLIES. */
export type Reply =
  | null
  | boolean
  | string
  | Buffer
  | Error
  | readonly Reply[]
  | { readonly [key: string]: Reply };

const SHOWN_ITEMS = 1_000;

/**
 * A reply for people: a string as it is, anything else as JavaScript would show it.
 *
 * @param isForTerminal Whether a terminal shows it, which would obey a string's control characters.
 */
export function formatReply(
  reply: Reply,
  { isForTerminal = false, colors = false }: { isForTerminal?: boolean; colors?: boolean } = {},
): string {
  if (Buffer.isBuffer(reply)) {
    const text = textOf(reply);
    if (text !== undefined) return isForTerminal ? printable(text) : text;
  }
  return inspect(shown(reply), {
    colors,
    depth: Infinity,
    maxArrayLength: SHOWN_ITEMS,
    maxStringLength: Infinity,
    breakLength: 100,
  });
}

/** A reply as JSON; numbers exact, bytes that are no UTF-8 as `{"base64": "..."}`. */
export function replyToJson(reply: Reply): string {
  if (reply === null || typeof reply === 'boolean') return String(reply);
  // JSON has no name for infinities and NaN.
  if (typeof reply === 'string') return /\d$/.test(reply) ? reply : JSON.stringify(reply);
  if (Buffer.isBuffer(reply)) {
    return JSON.stringify(textOf(reply) ?? { base64: reply.toString('base64') });
  }
  if (reply instanceof Error) return JSON.stringify({ error: reply.message });
  if (isArray(reply)) return `[${reply.map(replyToJson).join(',')}]`;
  const members = Object.entries(reply).map(
    ([key, value]) => `${JSON.stringify(key)}:${replyToJson(value)}`,
  );
  return `{${members.join(',')}}`;
}

/** The text of UTF-8 bytes. */
function textOf(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** What `inspect` shows as the reply means it. */
function shown(reply: Reply): unknown {
  if (reply === null || typeof reply === 'boolean') return reply;
  if (typeof reply === 'string') return new Bare(reply);
  if (Buffer.isBuffer(reply)) return textOf(reply) ?? reply;
  if (reply instanceof Error) return new Bare(`Error: ${printable(reply.message)}`);
  if (isArray(reply)) return reply.map(shown);
  return Object.fromEntries(Object.entries(reply).map(([key, value]) => [key, shown(value)]));
}

/** Text that `inspect` shows without quotes. */
class Bare {
  constructor(private readonly text: string) {}

  [inspect.custom](): string {
    return this.text;
  }
}

function isArray(reply: Reply): reply is readonly Reply[] {
  return Array.isArray(reply);
}
