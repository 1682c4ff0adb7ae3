// The protocol, byte by byte: whole requests in any pieces, and what is none.
import { once } from 'node:events';
import { connect } from 'node:net';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { startRedis, type RedisServer } from '../build-scripts/bench/redis_server.ts';
import { residentBytes } from './support/processes.ts';
import { encodeRequest, RawClient, type Address } from './support/resp.ts';
import { randomFrom, testSeed } from './support/seed.ts';
import { OVER_AF_XDP } from './support/network.ts';
import { serverFor, startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';
import { ALICE, twoTenants } from './support/tenants.ts';

interface Context {
  server: Server;
  redis: RedisServer;
}

const test = anyTest as TestFn<Context>;

test.before(async (t) => {
  t.context.server = await startServer();
  t.context.redis = await startRedis();
});

test.after.always(async (t) => {
  await t.context.redis?.stop();
  await stopsWell(t, t.context.server);
});

async function clientFor(t: ExecutionContext<Context>, address?: Address): Promise<RawClient> {
  const client = await RawClient.connect(address ?? t.context.server);
  t.teardown(() => client.close());
  return client;
}

const LIBRARY = '#!js name=split\nexport const f = (keys, args) => [keys, args];';

/** Requests, and how many replies they have. */
const requests: Readonly<Record<string, { bytes: Buffer; replies: number }>> = {
  'PING': { bytes: encodeRequest(['PING']), replies: 1 },
  'SET': { bytes: encodeRequest(['SET', 'key', 'two\r\nlines']), replies: 1 },
  'SET with options': { bytes: encodeRequest(['set', 'key', 'v', 'EX', '100', 'GET']), replies: 1 },
  'GET': { bytes: encodeRequest(['GET', 'split:absent']), replies: 1 },
  'MSET': { bytes: encodeRequest(['MSET', 'a', '', '42', 'v', 'k\u00fc', 'w']), replies: 1 },
  'MGET': { bytes: encodeRequest(['MGET', 'split:1', '42x', '']), replies: 1 },
  'GETRANGE': { bytes: encodeRequest(['GETRANGE', 'split:absent', '-3', '-1']), replies: 1 },
  'HELLO with SETNAME': { bytes: encodeRequest(['HELLO', '9', 'SETNAME', 'x']), replies: 1 },
  'an unknown command': { bytes: encodeRequest(['NOSUCH', 'a b']), replies: 1 },
  'a wrong arity': { bytes: encodeRequest(['GET']), replies: 1 },
  'FUNCTION LOAD': { bytes: encodeRequest(['FUNCTION', 'LOAD', 'REPLACE', LIBRARY]), replies: 1 },
  'FCALL': { bytes: encodeRequest(['FCALL', 'f', '1', 'key', 'arg']), replies: 1 },
  'two requests': {
    bytes: Buffer.concat([encodeRequest(['PING']), encodeRequest(['ECHO', 'x'])]),
    replies: 2,
  },
  'an inline command': { bytes: Buffer.from('SET key "a\\x41 b"\r\n'), replies: 1 },
  'inline, with LF alone': { bytes: Buffer.from('PING\nPING\n'), replies: 2 },
  'empty arrays and lines before a request': {
    bytes: Buffer.from('\r\n*0\r\n*-1\r\n\r\n*1\r\n$4\r\nPING\r\n'),
    replies: 1,
  },
};

async function repliesOf(client: RawClient, count: number): Promise<string> {
  let text = '';
  for (let i = 0; i < count; i++) text += (await client.reply()).toString('latin1');
  return text;
}

for (const [title, { bytes, replies }] of Object.entries(requests)) {
  test.serial(`${title}: split at any byte, the reply is that of the whole`, async (t) => {
    const control = await clientFor(t);
    // FCALL needs its function, whatever ran before.
    await control.call('FUNCTION', 'LOAD', 'REPLACE', LIBRARY);
    const whole = await clientFor(t);
    whole.write(bytes);
    await repliesOf(whole, replies);
    whole.write(bytes);
    const expected = await repliesOf(whole, replies);

    const cuts = Array.from({ length: bytes.length - 1 }, (_, i) => i + 1);
    const clients = await Promise.all(cuts.map(() => RawClient.connect(t.context.server)));
    for (const [i, client] of clients.entries()) client.write(bytes.subarray(0, cuts[i]));
    // The round trip lets the server read the first parts before the second ones are sent.
    await control.call('PING');
    await control.call('PING');
    for (const [i, client] of clients.entries()) client.write(bytes.subarray(cuts[i]));
    for (const [i, client] of clients.entries()) {
      t.is(await repliesOf(client, replies), expected, `split at byte ${cuts[i]}`);
    }
    await Promise.all(clients.map((client) => client.close()));

    const slow = await clientFor(t);
    for (const byte of bytes) {
      slow.write(Buffer.of(byte));
      await control.call('PING');
    }
    t.is(await repliesOf(slow, replies), expected, 'byte by byte');
  });
}

/** Everything that a server sends until it closes the connection, to bytes after which it gets no more. */
async function answerTo(
  { port, host = '127.0.0.1', password }: Extract<Address, { port: number }>,
  bytes: Buffer | string,
): Promise<string> {
  const socket = connect({ port, host, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  // A server that closes on bytes it has not read resets the connection.
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  if (password !== undefined) {
    socket.write(encodeRequest(['AUTH', password]));
    await once(socket, 'data');
  }
  const before = chunks.length;
  socket.end(bytes);
  await once(socket, 'close');
  return Buffer.concat(chunks.slice(before)).toString('latin1');
}

const malformed: Readonly<Record<string, string>> = {
  'a count that is no number': '*abc\r\n',
  'a count with a sign': '*+1\r\n$4\r\nPING\r\n',
  'a count with a space': '* 1\r\n$4\r\nPING\r\n',
  'no count': '*\r\n',
  'a count beyond all bounds': '*99999999999999999999\r\n',
  'a count of more than 31 bits': '*4294967297\r\n',
  'a length that is no number': '*1\r\n$abc\r\n',
  'no length': '*1\r\n$\r\nPING\r\n',
  'a negative length': '*1\r\n$-1\r\n',
  'a length beyond 512 MiB': '*1\r\n$536870913\r\n',
  'a length beyond all bounds': '*1\r\n$99999999999999999999\r\n',
  'an integer where a string belongs': '*1\r\n:1\r\n',
  'an array in an array': '*1\r\n*1\r\n$4\r\nPING\r\n',
  'an unclosed quote': 'SET key "value\r\n',
  'a quote closed in the middle of a word': 'SET key "value"more\r\n',
  'a string without an array': '$4\r\nPING\r\n',
  'an empty command name': '*1\r\n$0\r\n\r\n',
  'a good request and then a bad one': '*1\r\n$4\r\nPING\r\n*1\r\n$x\r\n*1\r\n$4\r\nPING\r\n',
  'a count line without end': `*${'1'.repeat(70_000)}`,
  'a length line without end': `*1\r\n$${'1'.repeat(70_000)}`,
  'an inline command without end': 'x'.repeat(70_000),
};

for (const [title, bytes] of Object.entries(malformed)) {
  test.serial(`${title}: answered as by Redis, and the server goes on`, async (t) => {
    const control = await clientFor(t);
    const [ours, theirs] = await Promise.all([
      answerTo(t.context.server, Buffer.from(bytes, 'latin1')),
      answerTo(t.context.redis, Buffer.from(bytes, 'latin1')),
    ]);
    t.is(ours, theirs);
    t.is(await control.text('PING'), '+PONG\r\n');
  });
}

/** Where Shredder answers otherwise than Redis, on purpose. */
const differences: Readonly<Record<string, readonly [bytes: string, reply: string]>> = {
  'more than 1,048,576 arguments are refused, which Redis 7.0 would wait for': [
    '*1048577\r\n',
    '-ERR Protocol error: invalid multibulk length\r\n',
  ],
  'a line end in an error is shown, not sent': [
    '*2\r\n$4\r\nPING\r\n\r\n',
    "-ERR Protocol error: expected '$', got '\\x0d'\r\n",
  ],
  'a control character in an error is shown, not sent': [
    '*1\r\n\u0001',
    "-ERR Protocol error: expected '$', got '\\x01'\r\n",
  ],
  'zero bytes are bytes like any other': [
    '\0\0\0\0\r\n',
    "-ERR unknown command '\0\0\0\0', with args beginning with: \r\n",
  ],
};

for (const [title, [bytes, reply]] of Object.entries(differences)) {
  test.serial(`other than in Redis: ${title}`, async (t) => {
    t.is(await answerTo(t.context.server, Buffer.from(bytes, 'latin1')), reply);
  });
}

test.serial(
  'after a protocol error nothing more is executed, and the connection ends',
  async (t) => {
    const control = await clientFor(t);
    await control.call('DEL', 'victim');
    const client = await clientFor(t);
    client.write('*1\r\n:1\r\n*3\r\n$3\r\nSET\r\n$6\r\nvictim\r\n$1\r\n1\r\n');
    t.is((await client.reply()).toString(), "-ERR Protocol error: expected '$', got ':'\r\n");
    await client.closed;
    t.is(await control.text('EXISTS', 'victim'), ':0\r\n');
  },
);

for (const method of ['GET', 'POST']) {
  test.serial(
    `a web page's ${method} ends its connection, and nothing in it is executed`,
    async (t) => {
      const control = await clientFor(t);
      await control.call('DEL', 'victim');
      const request = `${method} / HTTP/1.1\r\nHost: localhost\r\n\r\nSET victim 1\r\n`;
      t.notRegex(await answerTo(t.context.server, request), /OK/);
      t.is(await control.text('EXISTS', 'victim'), ':0\r\n');
    },
  );
}

const MUTANTS = 2_000;
const CONNECTIONS_AT_ONCE = 25;

/** A request with a few of its bytes changed, taken out, doubled, or put in. */
function mutate(bytes: Buffer, random: () => number): Buffer {
  const pick = (bound: number): number => Math.floor(random() * bound);
  const interesting = Buffer.from('*$+-:0123456789\r\n\0\xff"\' ', 'latin1');
  let mutant = Buffer.from(bytes);
  for (let edits = 1 + pick(4); edits > 0; edits--) {
    const at = pick(mutant.length);
    const insert = interesting[pick(interesting.length)] ?? 0;
    switch (pick(5)) {
      case 0:
        mutant[at] = insert;
        break;
      case 1:
        mutant = Buffer.concat([mutant.subarray(0, at), mutant.subarray(at + 1 + pick(3))]);
        break;
      case 2:
        mutant = Buffer.concat([mutant.subarray(0, at), Buffer.of(insert), mutant.subarray(at)]);
        break;
      case 3:
        mutant = Buffer.concat([mutant.subarray(0, at), mutant.subarray(pick(mutant.length))]);
        break;
      default:
        mutant[at] = pick(256);
    }
    if (mutant.length === 0) mutant = Buffer.from('*');
  }
  return mutant;
}

test.serial('mutated requests never end the server', async (t) => {
  const seed = testSeed();
  t.log(`seed ${seed}`);
  const random = randomFrom(seed);
  const originals = Object.values(requests).map(({ bytes }) => bytes);
  const control = await clientFor(t);
  for (let done = 0; done < MUTANTS; done += CONNECTIONS_AT_ONCE) {
    const mutants = Array.from({ length: CONNECTIONS_AT_ONCE }, () =>
      mutate(
        Buffer.concat([
          originals[Math.floor(random() * originals.length)] ?? Buffer.of(),
          originals[Math.floor(random() * originals.length)] ?? Buffer.of(),
        ]),
        random,
      ),
    );
    await Promise.all(mutants.map((mutant) => answerTo(t.context.server, mutant)));
    t.is(
      await control.text('PING'),
      '+PONG\r\n',
      `after mutants ${done} to ${done + CONNECTIONS_AT_ONCE}`,
    );
  }
});

const ANNOUNCERS = 1_000;
const MAX_BYTES_PER_ANNOUNCER = 64 * 1024;

test.serial(
  '1,000 connections that announce 512 MiB and send nothing take no memory for it',
  async (t) => {
    const server = await serverFor(t);
    const control = await clientFor(t, server);
    await control.call('PING');
    const before = await residentBytes(server);
    const clients: RawClient[] = [];
    for (let i = 0; i < ANNOUNCERS; i++) {
      const client = await RawClient.connect(server);
      client.write('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nfirst bytes');
      clients.push(client);
    }
    // Whatever a connection sent before, its later requests are read by the same loop.
    for (let i = 0; i < 10; i++) t.is(await control.text('PING'), '+PONG\r\n');
    const grown = (await residentBytes(server)) - before;
    t.true(grown <= ANNOUNCERS * MAX_BYTES_PER_ANNOUNCER, `grown by ${grown} bytes`);
    await Promise.all(clients.map((client) => client.close()));
    t.is(await control.text('EXISTS', 'k'), ':0\r\n');
  },
);

test.serial(
  'who has not authenticated gets 10 arguments of 16 KiB, and no command of data',
  async (t) => {
    const server = await serverFor(t, { config: twoTenants() });
    const client = await clientFor(t, server);
    t.is(await client.text('GET', 'a'), '-NOAUTH Authentication required.\r\n');
    t.is(await client.text('PING'), '-NOAUTH Authentication required.\r\n');
    t.is(await client.text('MGET', ...'abcdefghi'), '-NOAUTH Authentication required.\r\n');
    t.is(await client.text('GET', 'k'.repeat(16 * 1024)), '-NOAUTH Authentication required.\r\n');
    t.is(
      await answerTo(server, encodeRequest(['MGET', ...'abcdefghij'])),
      '-ERR Protocol error: unauthenticated multibulk length\r\n',
    );
    t.is(
      await answerTo(server, '*2\r\n$3\r\nGET\r\n$16385\r\n'),
      '-ERR Protocol error: unauthenticated bulk length\r\n',
    );
    t.is(await client.text('AUTH', ALICE.name, ALICE.password), '+OK\r\n');
    t.is(await client.text('MGET', ...'abcdefghij'), `*10\r\n${'$-1\r\n'.repeat(10)}`);
    t.is(await client.text('SET', 'a', 'v'.repeat(20_000)), '+OK\r\n');
  },
);

const FLOOD = 100_000;

test.serial('100,000 requests sent at once are answered in order', async (t) => {
  const client = await clientFor(t);
  const sets = Array.from({ length: FLOOD / 2 }, (_, i) => ['SET', `flood:${i}`, `value ${i}`]);
  const gets = Array.from({ length: FLOOD / 2 }, (_, i) => ['GET', `flood:${i}`]);
  const replies = await client.pipeline([...sets, ...gets]);
  t.true(replies.slice(0, FLOOD / 2).every((reply) => reply.toString() === '+OK\r\n'));
  const wrong = replies.slice(FLOOD / 2).findIndex((reply, i) => {
    const value = `value ${i}`;
    return reply.toString() !== `$${value.length}\r\n${value}\r\n`;
  });
  t.is(wrong, -1);
  await client.call('FLUSHALL');
});

const LARGE = 1024 * 1024;
const UNREAD_REPLIES = 150;
const MAX_UNREAD_BYTES = 48 * LARGE;

test.serial(
  'a client that does not read holds up neither the server nor its memory, and loses nothing',
  async (t) => {
    const server = await serverFor(t);
    const control = await clientFor(t, server);
    await control.call('SET', 'large', 'x'.repeat(LARGE));
    // What one large reply takes is not the point.
    await control.call('GET', 'large');
    const before = await residentBytes(server);

    const slow = await clientFor(t, server);
    slow.pause();
    slow.write(
      Buffer.concat(Array.from({ length: UNREAD_REPLIES }, () => encodeRequest(['GET', 'large']))),
    );
    for (let i = 0; i < 200; i++) t.is(await control.text('PING'), '+PONG\r\n');
    const grown = (await residentBytes(server)) - before;
    t.true(grown < MAX_UNREAD_BYTES, `grown by ${grown} bytes`);

    slow.resume();
    for (let i = 0; i < UNREAD_REPLIES; i++) {
      t.is((await slow.reply()).length, LARGE + `$${LARGE}\r\n\r\n`.length);
    }
  },
);

test.serial(
  'beyond max-clients one that authenticates is told so and closed, and the others stay',
  async (t) => {
    const server = await serverFor(t, { config: twoTenants({ server: ['max-clients = 3'] }) });
    const enter = async (client: RawClient): Promise<string> =>
      await client.text('AUTH', ALICE.name, ALICE.password);
    const clients = await Promise.all([1, 2, 3].map(() => clientFor(t, server)));
    for (const client of clients) t.is(await enter(client), '+OK\r\n');
    const refused = await clientFor(t, server);
    t.is(await enter(refused), '-ERR max number of clients reached\r\n');
    await refused.closed;
    for (const client of clients) t.is(await client.text('PING'), '+PONG\r\n');
    await clients[0]?.close();
    let welcome: RawClient | undefined;
    while (welcome === undefined) {
      const next = await clientFor(t, server);
      if ((await enter(next)) === '+OK\r\n') welcome = next;
    }
    t.is(await welcome.text('PING'), '+PONG\r\n');
  },
);

// Over a network card there is no choice of them.
for (const backend of OVER_AF_XDP ? [] : ['io_uring', 'epoll']) {
  test.serial(`the event loop ${backend} serves, or says why it cannot`, async (t) => {
    let server: Server;
    try {
      server = await serverFor(t, { flags: ['--backend', backend, '--log-level', 'debug'] });
    } catch (error) {
      // A kernel may refuse io_uring; then one line says so.
      t.is(backend, 'io_uring');
      t.regex(String(error), /io_uring/);
      return;
    }
    const client = await clientFor(t, server);
    t.is(await client.text('SET', 'a', '1'), '+OK\r\n');
    t.is(await client.text('GET', 'a'), '$1\r\n1\r\n');
    t.regex(server.log(), new RegExp(`event loop ${backend}`));
  });
}
