// Calls one function in turns as each Redis client itself does and as typed clients do, from a process whose
// modules are TypeScript. Prints the rows as JSON.
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { client } from 'shredder-functions/client';
import type { CallsRow } from './calls.ts';
import type { Line } from './calls_functions.ts';
import { spreadOf } from './statistics.ts';

type Library = typeof import('./calls_functions.ts');

const [port, rounds, requests] = process.argv.slice(2).map(Number) as [number, number, number];
const LINES = [1, 16, 256];
const NS_PER_US = 1_000;

interface Case {
  client: string;
  fcall(json: string): Promise<unknown>;
  typed(args: Line[]): Promise<unknown>;
  close(): void;
}

async function cases(): Promise<Case[]> {
  const ioredis = new Redis(port);
  const ofIoredis = client<Library>(ioredis);
  const redis = createClient({ socket: { port } });
  await redis.connect();
  const ofRedis = client<Library>(redis);
  return [
    {
      client: 'ioredis',
      fcall: (json) => ioredis.fcall('echo', 0, json),
      typed: (args) => ofIoredis.echo({ args }),
      close: () => ioredis.disconnect(),
    },
    {
      client: 'node-redis',
      fcall: (json) => redis.fCall('echo', { arguments: [json] }),
      typed: (args) => ofRedis.echo({ args }),
      close: () => redis.destroy(),
    },
  ];
}

/** Microseconds a call, one after the other. */
async function time(call: () => Promise<unknown>): Promise<number> {
  const begun = process.hrtime.bigint();
  for (let i = 0; i < requests; i++) await call();
  return Number(process.hrtime.bigint() - begun) / NS_PER_US / requests;
}

const rows: CallsRow[] = [];
for (const each of await cases()) {
  for (const lines of LINES) {
    const args = Array.from({ length: lines }, (_, i) => ({ sku: `article-${i}`, quantity: i }));
    // As a program would that has the value and not its text.
    const fcall = () => each.fcall(JSON.stringify(args));
    const typed = () => each.typed(args);
    await time(fcall);
    await time(typed);
    const samples: Record<'fcall' | 'typed', number[]> = { fcall: [], typed: [] };
    for (let round = 0; round < rounds; round++) {
      samples.fcall.push(await time(fcall));
      samples.typed.push(await time(typed));
    }
    for (const how of ['fcall', 'typed'] as const) {
      const { median, min, max } = spreadOf(samples[how]);
      rows.push({
        client: each.client,
        case: how,
        lines,
        medianUs: median,
        minUs: min,
        maxUs: max,
      });
    }
  }
  each.close();
}
process.stdout.write(JSON.stringify(rows));
