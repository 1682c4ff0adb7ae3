// MULTI, EXEC, DISCARD, WATCH and UNWATCH beside a real Redis 7.0: Redis's own tests of them, and
// transactions as they come over a connection.
//
// Source of the tests: Redis 7.0, tests/unit/multi.tcl, those that need no other types than strings,
// no replication, persistence, scripts nor settings. Titles are theirs.
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import {
  answersAlike,
  startServers,
  words,
  type Pair,
  type Protocol,
  type Request,
  type Servers,
} from './support/differential.ts';
import { eventually } from './support/eventually.ts';
import { encodeRequest } from './support/resp.ts';
import { stopsWell } from './support/stop.ts';

const test = anyTest as TestFn<Servers>;

test.before(async (t) => {
  t.context = await startServers();
});

test.after.always(async (t) => {
  await t.context.stop?.();
  await stopsWell(t, t.context.shredder);
});

/** EXEC's reply where a watched key was touched. */
const NULL = { 2: '*-1\r\n', 3: '_\r\n' };
const PONG = '*1\r\n+PONG\r\n';
const ABORTED = '-EXECABORT Transaction discarded because of previous errors.\r\n';

type Expected = string | Readonly<Record<Protocol, string>>;

/** Sends the lines to both, expects the same replies, and of the last line the one given. */
async function run(
  t: ExecutionContext<Servers>,
  pair: Pair,
  lines: string,
  last: Expected,
  protocol: Protocol,
): Promise<void> {
  const requests = requestsOf(lines);
  const final = requests.pop() ?? [];
  await answersAlike(t, pair, requests);
  const expected = typeof last === 'string' ? last : last[protocol];
  t.is(await pair.redis.text(...final), expected);
  t.is(await pair.shredder.text(...final), expected);
}

function requestsOf(lines: string): Request[] {
  return lines
    .split(/[\n;]/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map(words);
}

/** Title, what is sent, and the reply to the last request. */
const ported: readonly (readonly [title: string, lines: string, last: Expected])[] = [
  ['MULTI / EXEC basics', 'SET k abc; MULTI; GET k; PING; EXEC', '*2\r\n$3\r\nabc\r\n+PONG\r\n'],
  ['DISCARD', 'SET k abc; MULTI; DEL k; DISCARD; GET k', '$3\r\nabc\r\n'],
  ['Nested MULTI are not allowed', 'MULTI; MULTI; EXEC', '*0\r\n'],
  [
    'MULTI where commands alter argc/argv',
    'SET k a; MULTI; GETDEL k; SET k b EX 1000; EXEC; GETDEL k; EXISTS k',
    ':0\r\n',
  ],
  ['WATCH inside MULTI is not allowed', 'MULTI; WATCH x; EXEC', '*0\r\n'],
  [
    'EXEC fails if there are errors while queueing commands #1',
    'DEL foo1 foo2; MULTI; SET foo1 bar1; NON-EXISTING-COMMAND; SET foo2 bar2; EXEC',
    ABORTED,
  ],
  [
    'EXEC fails if there are errors while queueing commands, and has executed none',
    'DEL foo1 foo2; MULTI; SET foo1 bar1; GET; SET foo2 bar2; EXEC; EXISTS foo1 foo2',
    ':0\r\n',
  ],
  [
    'If EXEC aborts, the client MULTI state is cleared',
    'MULTI; SET foo1 bar1; NON-EXISTING-COMMAND; SET foo2 bar2; EXEC; PING',
    '+PONG\r\n',
  ],
  ['EXEC works on WATCHed key not modified', 'WATCH x y z; WATCH k; MULTI; PING; EXEC', PONG],
  [
    'EXEC fail on WATCHed key modified (1 key of 1 watched)',
    'SET x 30; WATCH x; SET x 40; MULTI; PING; EXEC',
    NULL,
  ],
  [
    'EXEC fail on WATCHed key modified (1 key of 5 watched)',
    'SET x 30; WATCH a b x k z; SET x 40; MULTI; PING; EXEC',
    NULL,
  ],
  [
    'After successful EXEC key is no longer watched',
    'SET x 30; WATCH x; MULTI; PING; EXEC; SET x 40; MULTI; PING; EXEC',
    PONG,
  ],
  [
    'After failed EXEC key is no longer watched',
    'SET x 30; WATCH x; SET x 40; MULTI; PING; EXEC; SET x 40; MULTI; PING; EXEC',
    PONG,
  ],
  ['It is possible to UNWATCH', 'SET x 30; WATCH x; SET x 40; UNWATCH; MULTI; PING; EXEC', PONG],
  ['UNWATCH when there is nothing watched works as expected', 'UNWATCH', '+OK\r\n'],
  [
    'FLUSHALL is able to touch the watched keys',
    'SET x 30; WATCH x; FLUSHALL; MULTI; PING; EXEC',
    NULL,
  ],
  [
    'FLUSHALL does not touch non affected keys',
    'DEL x; WATCH x; FLUSHALL; MULTI; PING; EXEC',
    PONG,
  ],
  [
    'FLUSHDB is able to touch the watched keys',
    'SET x 30; WATCH x; FLUSHDB; MULTI; PING; EXEC',
    NULL,
  ],
  ['FLUSHDB does not touch non affected keys', 'DEL x; WATCH x; FLUSHDB; MULTI; PING; EXEC', PONG],
  [
    'WATCH will consider touched keys target of EXPIRE',
    'DEL x; SET x foo; WATCH x; EXPIRE x 10; MULTI; PING; EXEC',
    NULL,
  ],
  [
    'DISCARD should clear the WATCH dirty flag on the client',
    'WATCH x; SET x 10; MULTI; DISCARD; MULTI; INCR x; EXEC',
    '*1\r\n:11\r\n',
  ],
  [
    'DISCARD should UNWATCH all the keys',
    'WATCH x; SET x 10; MULTI; DISCARD; SET x 10; MULTI; INCR x; EXEC',
    '*1\r\n:11\r\n',
  ],
  [
    'Flushall while watching several keys by one client',
    'FLUSHALL; MSET a a b b; WATCH b a; FLUSHALL; PING',
    '+PONG\r\n',
  ],
];

/** Those about expiry: what is sent before the key `x` has expired in both, and what after it. */
const portedExpiry: readonly (readonly [
  title: string,
  before: string,
  after: string,
  last: Expected,
])[] = [
  ['EXEC fail on lazy expired WATCHed key', 'SET x 1 PX 300; WATCH x', 'MULTI; INCR x; EXEC', NULL],
  ['WATCH stale keys should not fail EXEC', 'SET x foo PX 1', 'WATCH x; MULTI; PING; EXEC', PONG],
  [
    'Delete WATCHed stale keys should not fail EXEC',
    'SET x foo PX 1',
    'WATCH x; EXISTS x; DEL x; MULTI; PING; EXEC',
    PONG,
  ],
  [
    'FLUSHDB while watching stale keys should not fail EXEC',
    'SET x foo PX 1',
    'WATCH x; FLUSHDB; MULTI; PING; EXEC',
    PONG,
  ],
  [
    'WATCH will consider touched expired keys',
    'SET x foo; PEXPIRE x 300; WATCH x',
    'MULTI; PING; EXEC',
    NULL,
  ],
];

for (const protocol of [2, 3] as const) {
  for (const [title, lines, last] of ported) {
    test.serial(`RESP${protocol}: ${title}`, async (t) => {
      const pair = await t.context.connect(protocol);
      await answersAlike(t, pair, [['FLUSHALL']]);
      await run(t, pair, lines, last, protocol);
    });
  }

  for (const [title, before, after, last] of portedExpiry) {
    test.serial(`RESP${protocol}: ${title}`, async (t) => {
      const pair = await t.context.connect(protocol);
      for (const client of [pair.shredder, pair.redis]) {
        const watches = before.includes('WATCH');
        // What is watched must be so before its time, however slow the machine.
        for (let is = ''; is !== (watches ? ':1\r\n' : '+OK\r\n'); ) {
          const requests = requestsOf(`UNWATCH; ${before}${watches ? '; EXISTS x' : ''}`);
          is = (await client.pipeline(requests)).at(-1)?.toString() ?? '';
        }
        await eventually(
          'x has expired',
          async () => (await client.text('KEYS', 'x')) === '*0\r\n',
        );
      }
      await run(t, pair, after, last, protocol);
    });
  }

  test.serial(`RESP${protocol}: MULTI with config error`, async (t) => {
    const { shredder } = await t.context.connect(protocol);
    for (const request of requestsOf('MULTI; SET foo bar; CONFIG SET maxmemory bla')) {
      await shredder.call(...request);
    }
    t.regex(await shredder.text('EXEC'), /^\*2\r\n\+OK\r\n-ERR CONFIG SET failed /);
  });

  test.serial(`RESP${protocol}: a transaction in one piece`, async (t) => {
    const pair = await t.context.connect(protocol);
    const requests = requestsOf(
      'FLUSHALL; MULTI; SET k v; GET k; INCR k; GET absent; EXEC; GET k; WATCH k; SET k w; MULTI; GET k; EXEC; GET k',
    );
    for (const client of [pair.shredder, pair.redis]) {
      client.write(Buffer.concat(requests.map(encodeRequest)));
    }
    for (const request of requests) {
      t.is(
        (await pair.shredder.reply()).toString('latin1'),
        (await pair.redis.reply()).toString('latin1'),
        request.join(' '),
      );
    }
  });

  test.serial(`RESP${protocol}: a megabyte of replies to one EXEC`, async (t) => {
    const pair = await t.context.connect(protocol);
    const value = 'x'.repeat(70_000);
    await answersAlike(t, pair, [
      ['SET', 'k', value],
      ['MULTI'],
      ...Array.from({ length: 20 }, (): Request => ['GET', 'k']),
      ['EXEC'],
      ['PING'],
    ]);
  });
}

test.serial('a transaction may come byte by byte', async (t) => {
  const { shredder } = await t.context.connect(2);
  const bytes = Buffer.concat(
    requestsOf('MULTI; SET split 1; INCR split; EXEC').map(encodeRequest),
  );
  for (const byte of bytes) {
    shredder.write(Buffer.from([byte]));
    // So that it is sent by itself.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const replies = [];
  for (let i = 0; i < 4; i++) replies.push((await shredder.reply()).toString());
  t.deepEqual(replies, ['+OK\r\n', '+QUEUED\r\n', '+QUEUED\r\n', '*2\r\n+OK\r\n:2\r\n']);
});

test.serial('transactions of many connections at once lose no increment', async (t) => {
  const clients = await Promise.all(Array.from({ length: 8 }, () => t.context.connect(2)));
  await clients[0]?.shredder.call('SET', 'shared', '0');
  await Promise.all(
    clients.map(async ({ shredder }) => {
      for (let i = 0; i < 10; i++) {
        // Read, and write what follows from it, until nobody has come in between.
        for (let reply = '*-1\r\n'; reply === '*-1\r\n'; ) {
          await shredder.call('WATCH', 'shared');
          const read = await shredder.text('GET', 'shared');
          const next = Number(read.split('\r\n')[1]) + 1;
          await shredder.pipeline([['MULTI'], ['SET', 'shared', next]]);
          reply = await shredder.text('EXEC');
        }
      }
    }),
  );
  t.is(await clients[0]?.shredder.text('GET', 'shared'), '$2\r\n80\r\n');
});

test.serial('a connection that ends before EXEC discards', async (t) => {
  const { shredder: leaving } = await t.context.connect(2);
  const { shredder } = await t.context.connect(2);
  await leaving.pipeline([['WATCH', 'w'], ['MULTI'], ['SET', 'left', 'behind']]);
  await leaving.close();
  t.is(await shredder.text('SET', 'w', '1'), '+OK\r\n');
  t.is(await shredder.text('EXISTS', 'left'), ':0\r\n');
});

/** Where Shredder answers otherwise than Redis, on purpose; each after MULTI. */
const refused: Readonly<Record<string, Request>> = {
  'AUTH': ['AUTH', 'default', 'any'],
  'HELLO with AUTH': ['HELLO', '3', 'AUTH', 'default', 'any'],
};

for (const [title, request] of Object.entries(refused)) {
  test.serial(`other than in Redis: ${title} is refused in a transaction`, async (t) => {
    const { shredder, redis } = await t.context.connect(2);
    for (const client of [shredder, redis]) await client.call('MULTI');
    t.is(await shredder.text(...request), '-ERR Command not allowed inside a transaction\r\n');
    t.is(await redis.text(...request), '+QUEUED\r\n');
    t.is(await shredder.text('EXEC'), ABORTED);
  });
}

test.serial('other than in Redis: appending nothing touches no key', async (t) => {
  const pair = await t.context.connect(2);
  const replies = await Promise.all(
    [pair.shredder, pair.redis].map(async (client) => {
      await client.pipeline(requestsOf('SET k v; WATCH k; APPEND k ""; MULTI'));
      return await client.text('EXEC');
    }),
  );
  t.deepEqual(replies, ['*0\r\n', '*-1\r\n']);
});
