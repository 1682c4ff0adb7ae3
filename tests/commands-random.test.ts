// Random sequences of commands: Shredder answers as Redis 7.0 does. A failure is shrunk to the
// shortest sequence that shows it.
import anyTest, { type TestFn } from 'ava';
import fc from 'fast-check';
import {
  firstDifference,
  sameReply,
  show,
  startServers,
  type Pair,
  type Request,
  type Servers,
} from './support/differential.ts';
import { testSeed } from './support/seed.ts';
import { stopsWell } from './support/stop.ts';

const test = anyTest as TestFn<Servers>;

test.before(async (t) => {
  t.context = await startServers();
});

test.after.always(async (t) => {
  await t.context.stop?.();
  await stopsWell(t, t.context.shredder);
});

const RUNS = 150;
const MAX_COMMANDS = 60;

const key = fc.constantFrom('a', 'b', '42', '042', '-1', '9007199254740991', 'k\u00fc', '');

/** What a value can be: numbers at the edges of what INCR takes, text, and any bytes. */
const value = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '-1',
    '9223372036854775807',
    '-9223372036854775808',
    '10',
    ' 1',
    '1.5',
    'abc',
  ),
  fc.maxSafeInteger().map(String),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  // Of all size classes, and beyond what an entry is moved in place.
  fc.integer({ min: 0, max: 20_000 }).map((length) => 'v'.repeat(length)),
);

/** A number as an argument, now and then none. */
const integer = fc.oneof(
  fc.integer({ min: -12, max: 12 }).map(String),
  fc.constantFrom('9223372036854775807', '-9223372036854775808', '9223372036854775808', 'x', ''),
);

/**
 * A time to live that outlasts the test, or one that is over. Two in a sequence are hardly ever the
 * same: whether a key's expiry grows (GT) would depend on the milliseconds between them.
 */
const hours = fc.integer({ min: 1, max: 1_000_000 });
const noTime = fc.constantFrom('0', '-1', '9223372036854775807', 'x');
const seconds = fc.oneof(
  hours.map((count) => String(count * 3_600)),
  noTime,
);
const milliseconds = fc.oneof(
  hours.map((count) => String(count * 3_600_000)),
  noTime,
);
const futureSeconds = fc.constantFrom('4102444800', '4202444800', '1', '0');
const futureMilliseconds = fc.constantFrom('4102444800000', '4202444800000', '1', '0');

const setOption = fc.oneof(
  fc.constantFrom(['NX'], ['XX'], ['GET'], ['KEEPTTL']),
  seconds.map((time) => ['EX', time]),
  milliseconds.map((time) => ['px', time]),
  futureSeconds.map((time) => ['EXAT', time]),
  futureMilliseconds.map((time) => ['PXAT', time]),
);
const getExOption = fc.oneof(
  fc.constant([]),
  fc.constant(['PERSIST']),
  seconds.map((time) => ['EX', time]),
  futureMilliseconds.map((time) => ['PXAT', time]),
);
const condition = fc.subarray(['NX', 'XX', 'GT', 'LT'], { maxLength: 2 });
const keys = fc.array(key, { minLength: 1, maxLength: 4 });

function command(
  name: string,
  ...args: readonly fc.Arbitrary<Request[number]>[]
): fc.Arbitrary<Request> {
  return fc.tuple(...args).map((values) => [name, ...values]);
}

const anyCommand: fc.Arbitrary<Request> = fc.oneof(
  command('GET', key),
  command('SET', key, value),
  fc
    .tuple(key, value, fc.array(setOption, { maxLength: 3 }))
    .map(([name, bytes, options]) => ['SET', name, bytes, ...options.flat()]),
  command('SETNX', key, value),
  command('SETEX', key, seconds, value),
  command('PSETEX', key, milliseconds, value),
  command('GETSET', key, value),
  command('GETDEL', key),
  fc.tuple(key, getExOption).map(([name, option]) => ['GETEX', name, ...option]),
  keys.map((names) => ['MGET', ...names]),
  fc
    .array(fc.tuple(key, value), { minLength: 1, maxLength: 4 })
    .map((pairs) => ['MSET', ...pairs.flat()]),
  keys.map((names) => ['DEL', ...names]),
  keys.map((names) => ['UNLINK', ...names]),
  keys.map((names) => ['EXISTS', ...names]),
  command('STRLEN', key),
  command('GETRANGE', key, integer, integer),
  command('SETRANGE', key, fc.integer({ min: -1, max: 300 }).map(String), value),
  command('APPEND', key, value),
  command('INCR', key),
  command('DECR', key),
  command('INCRBY', key, integer),
  command('DECRBY', key, integer),
  fc
    .tuple(key, seconds, condition)
    .map(([name, time, options]) => ['EXPIRE', name, time, ...options]),
  fc
    .tuple(key, milliseconds, condition)
    .map(([name, time, options]) => ['PEXPIRE', name, time, ...options]),
  fc
    .tuple(key, futureSeconds, condition)
    .map(([name, time, options]) => ['EXPIREAT', name, time, ...options]),
  fc
    .tuple(key, futureMilliseconds, condition)
    .map(([name, time, options]) => ['PEXPIREAT', name, time, ...options]),
  command('TTL', key),
  command('PTTL', key),
  command('EXPIRETIME', key),
  command('PEXPIRETIME', key),
  command('PERSIST', key),
  command('TYPE', key),
  command('KEYS', fc.constantFrom('*', '?', '[ab]', '4*', '*2', '[^a]*')),
  command('FLUSHDB'),
);

for (const protocol of [2, 3] as const) {
  test.serial(
    `RESP${protocol}: random sequences of commands are answered as by Redis`,
    async (t) => {
      const pair = await t.context.connect(protocol);
      await fc.assert(
        fc.asyncProperty(
          fc.array(anyCommand, { minLength: 1, maxLength: MAX_COMMANDS }),
          async (sequence) => {
            const difference = await firstDifference(pair, [['FLUSHALL'], ...sequence]);
            if (difference !== undefined) throw new Error(difference);
          },
        ),
        { seed: testSeed(), numRuns: RUNS },
      );
      t.pass();
    },
  );
}

/**
 * What a transaction may hold, and what may come between: no replies that depend on when they are
 * made or are in no order, as those within EXEC's are compared byte by byte; and no APPEND of
 * nothing, which touches a key in Redis alone.
 */
const incomparable = new Set(['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME', 'KEYS']);
const inTransaction = anyCommand.filter(
  (request) =>
    !incomparable.has(String(request[0])) &&
    !request.includes('GT') &&
    !request.includes('LT') &&
    !(request[0] === 'APPEND' && request[2]?.toString().length === 0),
);
const ofTransactions: fc.Arbitrary<Request> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Request>(['MULTI']) },
  { weight: 4, arbitrary: fc.constant<Request>(['EXEC']) },
  { weight: 1, arbitrary: fc.constantFrom<Request[]>(['DISCARD'], ['UNWATCH'], ['EXEC', 'x']) },
  { weight: 3, arbitrary: keys.map((names): Request => ['WATCH', ...names]) },
  // Two that are refused, and one that fails.
  {
    weight: 1,
    arbitrary: fc.constantFrom<Request[]>(['GET'], ['NOSUCH', 'a'], ['FUNCTION', 'KILL']),
  },
);
const step = fc.record({
  connection: fc.constantFrom(0, 1),
  request: fc.oneof(inTransaction, ofTransactions),
});

/** The first request that the two answer differently, sent in turns on two connections. */
async function firstDifferenceInTurns(
  pairs: readonly Pair[],
  steps: readonly { connection: number; request: Request }[],
): Promise<string | undefined> {
  for (const [at, { connection, request }] of steps.entries()) {
    const pair = pairs[connection];
    if (pair === undefined) throw new Error(`there is no connection ${connection}`);
    const [ours, theirs] = await Promise.all([
      pair.shredder.call(...request),
      pair.redis.call(...request),
    ]);
    if (!sameReply(request, ours, theirs)) {
      return [
        ...steps.slice(0, at + 1).map((each) => `${each.connection}> ${show(each.request)}`),
        `shredder: ${JSON.stringify(ours.toString('latin1').slice(0, 400))}`,
        `redis:    ${JSON.stringify(theirs.toString('latin1').slice(0, 400))}`,
      ].join('\n');
    }
  }
  return undefined;
}

for (const protocol of [2, 3] as const) {
  test.serial(
    `RESP${protocol}: random transactions on two connections are answered as by Redis`,
    async (t) => {
      const pairs = [await t.context.connect(protocol), await t.context.connect(protocol)];
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 1, maxLength: MAX_COMMANDS, size: 'max' }),
          async (steps) => {
            for (const { shredder, redis } of pairs) {
              for (const client of [shredder, redis]) {
                await client.pipeline([['DISCARD'], ['UNWATCH'], ['FLUSHALL']]);
              }
            }
            const difference = await firstDifferenceInTurns(pairs, steps);
            if (difference !== undefined) throw new Error(difference);
          },
        ),
        { seed: testSeed(), numRuns: RUNS },
      );
      t.pass();
    },
  );
}

/** Lines as one might type them, and as nobody would. */
const inlineLine = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'GET',
        'get',
        'SET',
        'a',
        '42',
        '"a b"',
        "'a b'",
        '"\\x41\\n"',
        '"',
        "'",
        '\\',
        '""',
        '\t',
        '  ',
        '"a"b',
      ),
      fc.string({ maxLength: 8 }),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(' ').replaceAll(/[\r\n]/g, ' '))
  // What starts with '*' is no inline command; what is empty has no reply.
  .filter(
    (line) => !/^\s*\*/.test(line) && line.trim() !== '' && !/^\s*(quit|hello|reset)/i.test(line),
  );

test.serial('inline commands are answered as by Redis', async (t) => {
  await fc.assert(
    fc.asyncProperty(inlineLine, async (line) => {
      const pair = await t.context.connect(2);
      for (const client of [pair.shredder, pair.redis]) client.write(`${line}\r\nPING\r\n`);
      const [ours, theirs] = await Promise.all([pair.shredder.reply(), pair.redis.reply()]);
      await Promise.all([pair.shredder.close(), pair.redis.close()]);
      if (!ours.equals(theirs)) throw new Error(`shredder: ${ours}redis: ${theirs}`);
    }),
    { seed: testSeed(), numRuns: 300 },
  );
  t.pass();
});
