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
  private mayBeOther = true;

  /** @param since The id behind which it begins. */
  constructor(private since = 0) {}

  /**
   * Tells it that the connection is a new one: what there is may be another log, which counts from 1
   * again, for the old one has ended with its shard.
   */
  reconnected(): void {
    this.mayBeOther = true;
  }

  /** What has come since the last time; undefined while the server is too busy to say. */
  async next(client: Redis): Promise<LogLine[] | undefined> {
    let lines: LogLine[];
    try {
      lines = await readLog(client, this.mayBeOther ? 0 : this.since);
    } catch (error) {
      if (isBusy(error)) return undefined;
      throw error;
    }
    // One that has lost all that was read so far has nothing but news.
    if (this.mayBeOther && this.isSame(lines)) lines = lines.filter(({ id }) => id > this.since);
    this.mayBeOther = false;
    this.last = lines.at(-1) ?? this.last;
    this.since = this.last?.id ?? this.since;
    return lines;
  }

  private isSame(lines: readonly LogLine[]): boolean {
    const { last, since } = this;
    if (last === undefined) return since <= (lines.at(-1)?.id ?? 0);
    return lines.some(
      ({ id, time, message }) => id === last.id && time === last.time && message === last.message,
    );
  }
}

/** Whether a function of the tenant runs, whose end all else of the tenant has to wait for. */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('BUSY ');
}
