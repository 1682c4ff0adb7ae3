// FUNCTION LOG: what a tenant's functions have written to their console, and what failed of them.
import type { Redis } from 'ioredis';
import { asList, asMap } from './shapes.ts';

export const LOG_LEVELS = ['debug', 'log', 'info', 'warn', 'error'] as const;

export interface LogLine {
  /** Counts from 1; begins anew where the tenant's shard is another one. */
  id: number;
  /** Unix milliseconds. */
  time: number;
  level: string;
  /** Or the library that was being loaded. */
  function: string;
  /** `file.ts:12:9`, as the library's source map has it; empty where there is none. */
  place: string;
  message: string;
}

/** The lines behind the id `since`, the oldest first. */
export async function readLog(client: Redis, since = 0): Promise<LogLine[]> {
  return asList(await client.call('FUNCTION', ['LOG', 'SINCE', since])).map((reply) => {
    const members = asMap(reply);
    const text = (name: string): string => String(members.get(name) ?? '');
    return {
      id: Number(members.get('id')),
      time: Number(members.get('time')),
      level: text('level'),
      function: text('function'),
      place: text('place'),
      message: text('message'),
    };
  });
}

/** Reads a log on and on, over several connections, each line once. */
export class LogReader {
  private last: LogLine | undefined;

  /** @param since The id behind which it begins. */
  constructor(private since = 0) {}

  /** What has come since the last call. */
  async next(client: Redis): Promise<LogLine[]> {
    return this.take(await readLog(client, this.since));
  }

  /**
   * The same, first on a new connection: what there is may be another log, which counts from 1 again,
   * for the old one ended with its shard.
   */
  async resume(client: Redis): Promise<LogLine[]> {
    const lines = await readLog(client);
    const { last, since } = this;
    const isSame =
      last === undefined
        ? since <= (lines.at(-1)?.id ?? 0)
        : lines.some(({ id, time, message }) => {
            return id === last.id && time === last.time && message === last.message;
          });
    // One that has lost all that was read so far has nothing but news.
    return this.take(isSame ? lines.filter(({ id }) => id > since) : lines);
  }

  private take(lines: LogLine[]): LogLine[] {
    this.last = lines.at(-1) ?? this.last;
    this.since = this.last?.id ?? this.since;
    return lines;
  }
}
