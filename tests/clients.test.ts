// Redis's own clients, unmodified, over TCP and over a Unix socket.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { execa } from 'execa';
import { Redis, type RedisOptions } from 'ioredis';
import { createClient, createClientPool, MultiErrorReply, WatchError } from 'redis';
import { PATIENCE_MS } from './support/patience.ts';
import { startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';
import { ALICE, BOB, twoTenants } from './support/tenants.ts';

interface Context {
  server: Server;
  socket: string;
  folder: string;
}

const test = anyTest as TestFn<Context>;

test.before(async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'shredder-clients-'));
  const socket = path.join(folder, 'shredder.sock');
  const server = await startServer({
    config: twoTenants({ server: [`unix-socket = "${socket}"`] }),
  });
  t.context = { server, socket, folder };
});

test.after.always(async (t) => {
  await stopsWell(t, t.context.server);
  if (t.context.folder) await rm(t.context.folder, { recursive: true });
});

/** In place of node-redis's own 5 s for a command, which a busy machine may need longer than. */
const PATIENT = { timeout: PATIENCE_MS };

/** Each test has a prefix for its keys, since they share a tenant. */
let tests = 0;
function prefix(): string {
  return `t${tests++}:`;
}

/** A time to live of hours, and whether one is that, less what the test has taken. */
const HOURS = 10_000;
function isHours(ttl: number): boolean {
  return ttl <= HOURS && ttl > HOURS - 1_000;
}

const LIBRARY = [
  'import { HTGet, HTLength, HTSet } from "shredder:store";',
  'export function measure(keys) { return keys.map((key) => HTLength(key)); }',
  'measure.flags = ["no-writes"];',
  'measure.description = "lengths of values";',
  'export function fill(keys, args) {',
  '  for (const key of keys) HTSet(key, new Uint8Array(Number(args[0])).fill(120));',
  '  return BigInt(keys.length);',
  '}',
  'export function fail() { throw new Error("on purpose"); }',
].join('\n');

const transports = {
  'TCP': ({ server }: Context) => ({ host: server.host, port: server.port }),
  'a Unix socket': ({ socket }: Context) => ({ path: socket }),
};

function ioredis(t: ExecutionContext<Context>, options: RedisOptions): Redis {
  // The type's mapping concerns the typed commands alone.
  const client = new Redis({
    connectTimeout: PATIENCE_MS,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    ...options,
  } as RedisOptions & { replyMapping: 'legacy' });
  client.on('error', () => undefined);
  t.teardown(() => client.disconnect());
  return client;
}

for (const protocol of [2, 3] as const) {
  for (const [transport, address] of Object.entries(transports)) {
    const title = `ioredis, RESP${protocol}, ${transport}`;
    const options = (context: Context): RedisOptions => ({
      ...address(context),
      protocol,
      username: ALICE.name,
      password: ALICE.password,
      connectionName: 'reader',
    });

    test(`${title}: connects as a tenant, and is known by its name and library`, async (t) => {
      const client = ioredis(t, options(t.context));
      t.is(await client.ping(), 'PONG');
      const info = String(await client.client('INFO'));
      t.regex(
        info,
        new RegExp(`name=reader .*user=alice resp=${protocol} lib-name=ioredis\\S* lib-ver=6`),
      );
      t.true(Number(await client.client('ID')) > 0);
      t.is(await client.client('GETNAME'), 'reader');
    });

    test(`${title}: commands reply as the client's types say`, async (t) => {
      const client = ioredis(t, options(t.context));
      const p = prefix();
      t.is(await client.set(`${p}a`, '1'), 'OK');
      t.is(await client.set(`${p}a`, '2', 'NX'), null);
      t.is(await client.set(`${p}a`, '2', 'EX', HOURS, 'GET'), '1');
      t.is(await client.get(`${p}a`), '2');
      t.is(await client.get(`${p}absent`), null);
      t.is(await client.incrby(`${p}a`, 40), 42);
      t.true(isHours(await client.ttl(`${p}a`)));
      t.is(await client.mset({ [`${p}b`]: 'x', [`${p}c`]: 'y' }), 'OK');
      t.deepEqual(await client.mget(`${p}a`, `${p}b`, `${p}absent`), ['42', 'x', null]);
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      await client.set(`${p}bytes`, bytes);
      t.deepEqual(await client.getBuffer(`${p}bytes`), bytes);
      t.is(await client.getrange(`${p}b`, 0, -1), 'x');
      t.is(await client.append(`${p}b`, 'yz'), 3);
      t.is(await client.strlen(`${p}b`), 3);
      t.is(await client.exists(`${p}a`, `${p}b`, `${p}absent`), 2);
      t.is(await client.del(`${p}a`, `${p}absent`), 1);
      t.is(await client.type(`${p}b`), 'string');
      t.is(await client.expire(`${p}b`, HOURS), 1);
      t.is(await client.persist(`${p}b`), 1);
      t.is(await client.ttl(`${p}b`), -1);
      await t.throwsAsync(client.incr(`${p}b`), {
        name: 'ReplyError',
        message: 'ERR value is not an integer or out of range',
      });
      t.regex(await client.info('server'), /^redis_version:7\.\d+\.\d+\r$/m);
      t.true(Number(await client.dbsize()) > 0);
    });

    test(`${title}: a pipeline's replies come in its order, errors in their places`, async (t) => {
      const client = ioredis(t, options(t.context));
      const p = prefix();
      const pipeline = client.pipeline();
      for (let i = 0; i < 1_000; i++) pipeline.set(`${p}${i}`, String(i));
      pipeline.call('NOSUCH');
      for (let i = 0; i < 1_000; i++) pipeline.get(`${p}${i}`);
      const replies = (await pipeline.exec()) ?? [];
      t.is(replies.length, 2_001);
      t.regex(String(replies[1_000]?.[0]), /ERR unknown command 'NOSUCH'/i);
      t.deepEqual(
        replies.slice(1_001).map(([, reply]) => reply),
        Array.from({ length: 1_000 }, (_, i) => String(i)),
      );
    });

    test(`${title}: scanStream meets every key that matches`, async (t) => {
      const client = ioredis(t, options(t.context));
      const p = prefix();
      const names = Array.from({ length: 500 }, (_, i) => `${p}${i}`);
      await client.mset(Object.fromEntries(names.map((name) => [name, 'v'])));
      const found = new Set<string>();
      for await (const keys of client.scanStream({ match: `${p}*`, count: 50 })) {
        for (const key of keys as string[]) found.add(key);
      }
      t.deepEqual([...found].sort(), names.sort());
    });
  }

  test.serial(
    `ioredis, RESP${protocol}: functions are loaded, listed, called and deleted`,
    async (t) => {
      const client = ioredis(t, {
        host: t.context.server.host,
        port: t.context.server.port,
        protocol,
        username: ALICE.name,
        password: ALICE.password,
      });
      const p = prefix();
      const code = `#!js name=lengths\n${LIBRARY}`;
      t.is(await client.function('LOAD', 'REPLACE', code), 'lengths');
      await t.throwsAsync(client.function('LOAD', code) as Promise<unknown>, {
        message: "ERR Library 'lengths' already exists",
      });
      t.is(await client.fcall('fill', 2, `${p}a`, `${p}b`, '7'), 2);
      t.deepEqual(
        ((await client.fcall_ro('measure', 3, `${p}a`, `${p}b`, `${p}c`)) as unknown[]).map(Number),
        [7, 7, -1],
      );
      await t.throwsAsync(client.fcall_ro('fill', 1, `${p}a`, '1') as Promise<unknown>, {
        message: 'ERR Can not execute a script with write flag using *_ro command.',
      });
      await t.throwsAsync(client.fcall('fail', 0) as Promise<unknown>, {
        name: 'ReplyError',
        message: /^ERR Error: on purpose at lengths:\d+:\d+$/,
      });
      await t.throwsAsync(client.fcall('nosuch', 0) as Promise<unknown>, {
        message: 'ERR Function not found',
      });
      t.regex(JSON.stringify(await client.function('LIST')), /"lengths".*"measure"/);
      t.is(await client.function('DELETE', 'lengths'), 'OK');
      await t.throwsAsync(client.function('DELETE', 'lengths') as Promise<unknown>, {
        message: 'ERR Library not found',
      });
    },
  );
}

for (const protocol of [2, 3] as const) {
  const options = ({ server }: Context): RedisOptions => ({
    host: server.host,
    port: server.port,
    protocol,
    username: ALICE.name,
    password: ALICE.password,
  });

  test(`ioredis, RESP${protocol}: a pipelined transaction's replies come in its order, errors in their places`, async (t) => {
    const client = ioredis(t, options(t.context));
    const p = prefix();
    const replies = await client
      .multi()
      .set(`${p}a`, 'x')
      .incr(`${p}a`)
      .get(`${p}a`)
      .mget(`${p}a`, `${p}absent`)
      .exec();
    t.deepEqual(replies?.[0], [null, 'OK']);
    t.is(replies?.[1]?.[0]?.message, 'ERR value is not an integer or out of range');
    t.deepEqual(replies?.slice(2), [
      [null, 'x'],
      [null, ['x', null]],
    ]);
    t.deepEqual(
      await client
        .multi([
          ['set', `${p}b`, '1'],
          ['incr', `${p}b`],
        ])
        .exec(),
      [
        [null, 'OK'],
        [null, 2],
      ],
    );
  });

  test(`ioredis, RESP${protocol}: a transaction of commands sent one by one`, async (t) => {
    const client = ioredis(t, options(t.context));
    const p = prefix();
    t.is(await client.multi({ pipeline: false }), 'OK');
    t.is(await client.set(`${p}a`, '1'), 'QUEUED' as unknown as 'OK');
    t.is(await client.incr(`${p}a`), 'QUEUED' as unknown as number);
    t.deepEqual(await client.exec(), [
      [null, 'OK'],
      [null, 2],
    ]);
    await client.multi({ pipeline: false });
    await client.set(`${p}a`, '9');
    t.is(await client.discard(), 'OK');
    t.is(await client.get(`${p}a`), '2');
  });

  test(`ioredis, RESP${protocol}: a refused command fails the whole transaction`, async (t) => {
    const client = ioredis(t, options(t.context));
    const p = prefix();
    const error = await t.throwsAsync(
      client.multi().set(`${p}a`, '1').call('NOSUCH').set(`${p}b`, '1').exec(),
      { message: 'EXECABORT Transaction discarded because of previous errors.' },
    );
    const { previousErrors } = error as Error & { previousErrors: Error[] };
    t.regex(previousErrors[0]?.message ?? '', /^ERR unknown command 'NOSUCH'/i);
    t.is(await client.exists(`${p}a`, `${p}b`), 0);
  });

  test(`ioredis, RESP${protocol}: a watched key that changes makes exec() null`, async (t) => {
    const client = ioredis(t, options(t.context));
    const other = ioredis(t, options(t.context));
    const p = prefix();
    t.is(await client.watch(`${p}a`, `${p}b`), 'OK');
    t.deepEqual(await client.multi().get(`${p}a`).exec(), [[null, null]]);
    await client.watch(`${p}a`);
    await other.set(`${p}a`, '1');
    t.is(await client.multi().get(`${p}a`).exec(), null);
    await client.watch(`${p}a`);
    await other.set(`${p}a`, '2');
    t.is(await client.unwatch(), 'OK');
    t.deepEqual(await client.multi().get(`${p}a`).exec(), [[null, '2']]);
  });

  test.serial(`ioredis, RESP${protocol}: functions in a transaction`, async (t) => {
    const client = ioredis(t, options(t.context));
    const p = prefix();
    t.is(await client.function('LOAD', 'REPLACE', `#!js name=lengths\n${LIBRARY}`), 'lengths');
    const replies = await client
      .multi()
      .set(`${p}a`, 'x')
      .fcall('fill', 2, `${p}a`, `${p}b`, '7')
      .fcall('fail', 0)
      .fcall_ro('measure', 2, `${p}a`, `${p}b`)
      .exec();
    t.deepEqual(replies?.slice(0, 2), [
      [null, 'OK'],
      [null, 2],
    ]);
    t.regex(replies?.[2]?.[0]?.message ?? '', /^ERR Error: on purpose at lengths:/);
    const measured = replies?.[3]?.[1];
    t.deepEqual(Array.isArray(measured) && measured.map(Number), [7, 7]);
    t.is(await client.function('FLUSH'), 'OK');
  });
}

test('ioredis: a value of 32 MiB travels both ways', async (t) => {
  const client = ioredis(t, {
    host: t.context.server.host,
    port: t.context.server.port,
    username: BOB.name,
    password: BOB.password,
  });
  const value = Buffer.alloc(32 * 1024 * 1024, 'a large value, ');
  const key = `${prefix()}large`;
  t.is(await client.set(key, value), 'OK');
  t.true((await client.getBuffer(key))?.equals(value));
  t.is(await client.strlen(key), value.length);
  t.deepEqual(await client.getrangeBuffer(key, -20, -1), value.subarray(-20));
  t.is(await client.del(key), 1);
});

test('ioredis: a wrong password is WRONGPASS, and no password NOAUTH', async (t) => {
  const { host, port } = t.context.server;
  for (const [options, expected] of [
    [{ username: ALICE.name, password: BOB.password }, /WRONGPASS invalid username-password pair/],
    [{ username: 'nobody', password: 'x' }, /WRONGPASS invalid username-password pair/],
    [{}, /NOAUTH /],
  ] as const) {
    for (const protocol of [2, 3] as const) {
      const errors: string[] = [];
      const client = ioredis(t, { host, port, protocol, lazyConnect: true, ...options });
      client.on('error', (error) => errors.push(String(error)));
      try {
        await client.connect();
        await client.get('a');
      } catch (error) {
        errors.push(String(error));
      }
      t.regex(errors.join('\n'), expected);
    }
  }
});

test("ioredis: a script's EVAL is an unknown command, sent once", async (t) => {
  const client = ioredis(t, {
    host: t.context.server.host,
    port: t.context.server.port,
    username: BOB.name,
    password: BOB.password,
  });
  client.defineCommand('twice', { numberOfKeys: 0, lua: 'return 2 * ARGV[1]' });
  const call = (client as unknown as { twice: (value: number) => Promise<unknown> }).twice.bind(
    client,
  );
  await t.throwsAsync(call(1), { message: /ERR unknown command 'eval(sha)?'/i });
});

for (const RESP of [2, 3] as const) {
  for (const [transport, address] of Object.entries(transports)) {
    const title = `node-redis, RESP${RESP}, ${transport}`;

    test(`${title}: connects as a tenant, and commands reply as the client's types say`, async (t) => {
      const client = createClient({
        RESP,
        commandOptions: PATIENT,
        socket: {
          ...address(t.context),
          reconnectStrategy: false,
          connectTimeout: PATIENCE_MS,
        },
        username: BOB.name,
        password: BOB.password,
        name: 'writer',
      });
      client.on('error', () => undefined);
      t.teardown(() => client.destroy());
      await client.connect();
      const p = prefix();
      t.is(await client.ping(), 'PONG');
      t.is(await client.set(`${p}a`, '1'), 'OK');
      t.is(await client.set(`${p}a`, '2', { condition: 'NX' }), null);
      t.is(await client.get(`${p}a`), '1');
      t.is(await client.get(`${p}absent`), null);
      t.is(await client.incrBy(`${p}a`, 41), 42);
      t.is(await client.setEx(`${p}b`, HOURS, 'x'), 'OK');
      t.true(isHours(await client.ttl(`${p}b`)));
      t.deepEqual(await client.mGet([`${p}a`, `${p}b`, `${p}absent`]), ['42', 'x', null]);
      t.is(await client.exists([`${p}a`, `${p}b`]), 2);
      t.is(await client.getRange(`${p}b`, 0, 0), 'x');
      t.is(await client.append(`${p}b`, 'yz'), 3);
      t.is(await client.del([`${p}a`, `${p}absent`]), 1);
      t.is(await client.clientGetName(), 'writer');
      const info = await client.clientInfo();
      t.is(info.name, 'writer');
      t.is(info.user, 'bob');
      t.is(info.resp, RESP);
      t.regex(info.libName ?? '', /node-redis/);
      t.regex(await client.info('server'), /redis_version:7\./);
      await t.throwsAsync(client.incr(`${p}b`), {
        message: 'ERR value is not an integer or out of range',
      });
      await t.throwsAsync(client.sendCommand(['NOSUCH']), {
        message: /^ERR unknown command 'NOSUCH'/,
      });
    });

    test(`${title}: what is sent at once is answered in order, and a scan is complete`, async (t) => {
      const client = createClient({
        RESP,
        commandOptions: PATIENT,
        socket: {
          ...address(t.context),
          reconnectStrategy: false,
          connectTimeout: PATIENCE_MS,
        },
        username: BOB.name,
        password: BOB.password,
      });
      client.on('error', () => undefined);
      t.teardown(() => client.destroy());
      await client.connect();
      const p = prefix();
      const names = Array.from({ length: 1_000 }, (_, i) => `${p}${i}`);
      await Promise.all(names.map((name, i) => client.set(name, String(i))));
      t.deepEqual(
        await Promise.all(names.map((name) => client.get(name))),
        names.map((_, i) => String(i)),
      );
      const found = new Set<string>();
      for await (const keys of client.scanIterator({ MATCH: `${p}*`, COUNT: 100 })) {
        for (const key of keys) found.add(key);
      }
      t.deepEqual([...found].sort(), names.sort());
    });
  }

  test.serial(
    `node-redis, RESP${RESP}: functions are loaded, listed, called and deleted`,
    async (t) => {
      const client = createClient({
        RESP,
        commandOptions: PATIENT,
        url: t.context.server.url,
        username: BOB.name,
        password: BOB.password,
        socket: { reconnectStrategy: false, connectTimeout: PATIENCE_MS },
      });
      client.on('error', () => undefined);
      t.teardown(() => client.destroy());
      await client.connect();
      const p = prefix();
      const code = `#!js name=lengths\n${LIBRARY}`;
      t.is(await client.functionLoad(code, { REPLACE: true }), 'lengths');
      t.is(Number(await client.fCall('fill', { keys: [`${p}a`], arguments: ['7'] })), 1);
      const lengths = await client.fCallRo('measure', { keys: [`${p}a`, `${p}b`] });
      t.deepEqual((lengths as unknown as unknown[]).map(Number), [7, -1]);
      const list = await client.functionListWithCode({ LIBRARYNAME: 'len*' });
      t.is(list.length, 1);
      t.is(list[0]?.library_name, 'lengths');
      t.is(list[0]?.engine, 'js');
      t.is(list[0]?.library_code, code);
      const functions = list[0]?.functions ?? [];
      t.deepEqual(functions.map(({ name, description }) => [name, description]).sort(), [
        ['fail', null],
        ['fill', null],
        ['measure', 'lengths of values'],
      ]);
      t.deepEqual(
        [...(functions.find(({ name }) => name === 'measure')?.flags ?? [])],
        ['no-writes'],
      );
      const stats = await client.functionStats();
      t.is(stats.running_script, null);
      t.deepEqual({ ...stats.engines['js'] }, { libraries_count: 1, functions_count: 3 });
      await t.throwsAsync(client.fCall('fail', { keys: [], arguments: [] }), {
        message: /on purpose/,
      });
      await t.throwsAsync(client.functionKill(), { message: /^NOTBUSY/ });
      t.is(await client.functionDelete('lengths'), 'OK');
    },
  );
}

for (const RESP of [2, 3] as const) {
  const options = ({ server }: Context) => ({
    RESP,
    commandOptions: PATIENT,
    url: server.url,
    username: BOB.name,
    password: BOB.password,
    socket: { reconnectStrategy: false as const, connectTimeout: PATIENCE_MS },
  });
  const connect = async (t: ExecutionContext<Context>) => {
    const client = createClient(options(t.context));
    client.on('error', () => undefined);
    t.teardown(() => client.destroy());
    await client.connect();
    return client;
  };

  test(`node-redis, RESP${RESP}: a transaction's replies come in its order`, async (t) => {
    const client = await connect(t);
    const p = prefix();
    t.deepEqual(
      await client
        .multi()
        .set(`${p}a`, '1')
        .incr(`${p}a`)
        .mGet([`${p}a`, `${p}absent`])
        .exec(),
      ['OK', 2, ['2', null]],
    );
    // Those that are sent while it is under way are not part of it.
    const [inside, outside] = await Promise.all([
      client.multi().incr(`${p}a`).incr(`${p}a`).exec(),
      client.get(`${p}a`),
    ]);
    t.deepEqual([inside, outside], [[3, 4], '4']);
  });

  test(`node-redis, RESP${RESP}: an error is one command's, a refused command the transaction's`, async (t) => {
    const client = await connect(t);
    const p = prefix();
    const error = await t.throwsAsync(
      client.multi().set(`${p}a`, 'x').incr(`${p}a`).append(`${p}a`, 'y').exec(),
      { instanceOf: MultiErrorReply },
    );
    t.deepEqual(error.errorIndexes, [1]);
    t.is(String(error.replies[1]), 'Error: ERR value is not an integer or out of range');
    t.is(await client.get(`${p}a`), 'xy');
    await t.throwsAsync(
      client.multi().set(`${p}a`, '1').addCommand(['NOSUCH']).set(`${p}b`, '1').exec(),
      { message: /^(ERR unknown command 'NOSUCH'|EXECABORT )/ },
    );
    t.deepEqual(await client.mGet([`${p}a`, `${p}b`]), ['xy', null]);
    t.is(await client.ping(), 'PONG');
  });

  test(`node-redis, RESP${RESP}: a watched key that changes is a WatchError`, async (t) => {
    const client = await connect(t);
    const other = await connect(t);
    const p = prefix();
    t.is(await client.watch([`${p}a`, `${p}b`]), 'OK');
    t.deepEqual(await client.multi().get(`${p}a`).exec(), [null]);
    await client.watch(`${p}a`);
    await other.set(`${p}a`, '1');
    await t.throwsAsync(client.multi().set(`${p}a`, '9').exec(), { instanceOf: WatchError });
    await client.watch(`${p}a`);
    await other.set(`${p}a`, '2');
    t.is(await client.unwatch(), 'OK');
    t.deepEqual(await client.multi().get(`${p}a`).exec(), ['2']);
  });

  test(`node-redis, RESP${RESP}: a pool's connection has its watches to itself`, async (t) => {
    const pool = createClientPool(options(t.context), {
      minimum: 2,
      acquireTimeout: PATIENCE_MS,
    });
    pool.on('error', () => undefined);
    t.teardown(() => pool.destroy());
    await pool.connect();
    const p = prefix();
    const add = (): Promise<unknown> =>
      pool.execute(async (client) => {
        await client.watch(`${p}n`);
        const next = Number((await client.get(`${p}n`)) ?? 0) + 1;
        return await client.multi().set(`${p}n`, String(next)).exec();
      });
    const outcomes = await Promise.allSettled(Array.from({ length: 40 }, add));
    const added = outcomes.filter(({ status }) => status === 'fulfilled').length;
    t.true(added > 0);
    t.true(
      outcomes.every(
        (outcome) => outcome.status === 'fulfilled' || outcome.reason instanceof WatchError,
      ),
    );
    t.is(await pool.get(`${p}n`), String(added));
  });

  test(`node-redis, RESP${RESP}: its legacy interface has transactions`, async (t) => {
    const client = await connect(t);
    const p = prefix();
    const multi = client.legacy().multi();
    multi.set(`${p}a`, '1');
    multi.incr(`${p}a`);
    const replies = await new Promise((resolve, reject) => {
      multi.exec((error, result) => (error ? reject(error) : resolve(result)));
    });
    t.deepEqual(replies, ['OK', 2]);
  });
}

test('node-redis: a wrong password is WRONGPASS', async (t) => {
  for (const RESP of [2, 3] as const) {
    const client = createClient({
      RESP,
      commandOptions: PATIENT,
      url: t.context.server.url,
      username: ALICE.name,
      password: 'wrong',
      socket: { reconnectStrategy: false, connectTimeout: PATIENCE_MS },
    });
    client.on('error', () => undefined);
    await t.throwsAsync(client.connect(), { message: /^WRONGPASS/ });
  }
});

/** Where Redis's own programs find a server. */
function whereIs({ host, port }: Server): string[] {
  return ['-h', host, '-p', String(port)];
}

/** Runs redis-cli as alice; its standard output, without the last newline. */
async function redisCli(
  t: ExecutionContext<Context>,
  args: readonly string[],
  options: { input?: string; where?: readonly string[] } = {},
): Promise<string> {
  const where = options.where ?? whereIs(t.context.server);
  const user = ['--user', ALICE.name, '--no-auth-warning', '-a', ALICE.password];
  const result = await execa('redis-cli', [...where, ...user, ...args], {
    ...(options.input === undefined ? { stdin: 'ignore' } : { input: options.input }),
    timeout: PATIENCE_MS,
    all: true,
    reject: false,
  });
  return result.all;
}

for (const flags of [[], ['-3']]) {
  const title = `redis-cli${flags.map((flag) => ` ${flag}`).join('')}`;

  test(`${title}: commands as arguments and as lines`, async (t) => {
    const p = prefix();
    const cli = (...args: string[]): Promise<string> => redisCli(t, [...flags, ...args]);
    t.is(await cli('SET', `${p}a`, 'two words'), 'OK');
    t.is(await cli('GET', `${p}a`), 'two words');
    t.is(await cli('GET', `${p}absent`), '');
    t.regex(
      await cli('NOSUCH', 'x'),
      /^ERR unknown command 'NOSUCH', with args beginning with: 'x'/,
    );
    t.is(
      await redisCli(t, flags, {
        input: `SET ${p}b "x\\x00y"\nSTRLEN ${p}b\nINCR ${p}n\nCLIENT GETNAME\n`,
      }),
      'OK\n3\n1\n',
    );
    t.is(await redisCli(t, [...flags, '-x', 'SET', `${p}c`], { input: 'from stdin' }), 'OK');
    t.is(await cli('GET', `${p}c`), 'from stdin');
  });
}

test('redis-cli: a transaction, line by line', async (t) => {
  const p = prefix();
  const input = `WATCH ${p}a\nMULTI\nSET ${p}a 1\nINCR ${p}a\nEXEC\nMULTI\nNOSUCH\nEXEC\nGET ${p}a\n`;
  const lines = (await redisCli(t, [], { input })).split('\n').filter((line) => line !== '');
  t.deepEqual(lines.slice(0, 7), ['OK', 'OK', 'QUEUED', 'QUEUED', 'OK', '2', 'OK']);
  t.true(lines.includes('EXECABORT Transaction discarded because of previous errors.'));
  t.is(lines.at(-1), '2');
});

test('redis-cli: over a Unix socket', async (t) => {
  t.is(await redisCli(t, ['PING'], { where: ['-s', t.context.socket] }), 'PONG');
});

test('redis-cli: a wrong password is said, and nothing is done', async (t) => {
  const result = await execa(
    'redis-cli',
    [
      ...whereIs(t.context.server),
      '--user',
      ALICE.name,
      '--no-auth-warning',
      '-a',
      'wrong',
      'DBSIZE',
    ],
    { all: true, stdin: 'ignore', reject: false },
  );
  t.regex(result.all, /WRONGPASS/);
  t.regex(result.all, /NOAUTH/);
});

test('redis-cli: --scan, --json and --bigkeys work', async (t) => {
  const p = prefix();
  await redisCli(t, ['MSET', `${p}a`, 'xx', `${p}b`, 'y']);
  t.deepEqual((await redisCli(t, ['--scan', '--pattern', `${p}*`])).split('\n').sort(), [
    `${p}a`,
    `${p}b`,
  ]);
  t.deepEqual(JSON.parse(await redisCli(t, ['--json', 'MGET', `${p}a`, `${p}absent`])), [
    'xx',
    null,
  ]);
  t.regex(await redisCli(t, ['--bigkeys']), /Biggest string found/);
});

test('redis-cli: --pipe loads many commands at once', async (t) => {
  const p = prefix();
  const input = Array.from({ length: 5_000 }, (_, i) => `SET ${p}${i} ${i}\r\n`).join('');
  t.regex(await redisCli(t, ['--pipe'], { input }), /errors: 0, replies: 5000/);
  t.is(await redisCli(t, ['GET', `${p}4999`]), '4999');
});

test.serial("redis-cli: FCALL shows a function's reply", async (t) => {
  t.is(await redisCli(t, ['FUNCTION', 'LOAD', 'REPLACE', `#!js name=cli\n${LIBRARY}`]), 'cli');
  const p = prefix();
  t.is(await redisCli(t, ['FCALL', 'fill', '2', `${p}a`, `${p}b`, '9']), '2');
  t.is(await redisCli(t, ['FCALL_RO', 'measure', '2', `${p}a`, `${p}c`]), '9\n-1');
  t.is(await redisCli(t, ['-3', 'FCALL_RO', 'measure', '1', `${p}a`]), '9');
  t.is(await redisCli(t, ['FUNCTION', 'FLUSH']), 'OK');
});

test('COMMAND DOCS, which redis-cli reads for its hints, describes every command', async (t) => {
  const docs = JSON.parse(await redisCli(t, ['--json', 'COMMAND', 'DOCS'])) as Record<
    string,
    { summary: string; since: string; group: string; subcommands?: Record<string, unknown> }
  >;
  const names = (await redisCli(t, ['COMMAND', 'LIST']))
    .split('\n')
    .filter((name) => !name.includes('|'));
  t.deepEqual(Object.keys(docs).sort(), names.sort());
  t.is(Number(await redisCli(t, ['COMMAND', 'COUNT'])), names.length);
  for (const [name, { summary, since, group }] of Object.entries(docs)) {
    t.regex(summary, /^[A-Z]/, name);
    t.regex(since, /^\d+\.\d+\.\d+$/, name);
    t.regex(group, /^[a-z]+$/, name);
  }
  t.true(Object.keys(docs['function']?.subcommands ?? {}).includes('function|load'));
});

/** Runs redis-benchmark as alice; each test's rate by its name. */
async function redisBenchmark(
  t: ExecutionContext<Context>,
  args: readonly string[],
  where: readonly string[] = whereIs(t.context.server),
): Promise<Map<string, number>> {
  const user = ['--user', ALICE.name, '-a', ALICE.password];
  const result = await execa(
    'redis-benchmark',
    [...where, ...user, '-n', '2000', '-c', '20', '--csv', ...args],
    {
      stdin: 'ignore',
      timeout: PATIENCE_MS,
    },
  );
  t.notRegex(result.stderr + result.stdout, /error|NOAUTH|could not|failed/i);
  const lines = result.stdout.split('\n').filter((line) => line.startsWith('"'));
  return new Map(
    lines.slice(1).map((line) => {
      const [name = '', rps] = line.split(',').map((cell) => cell.replaceAll('"', ''));
      return [name, Number(rps)];
    }),
  );
}

for (const [title, flags] of [
  ['one request at a time', []],
  ['pipelined', ['-P', '16']],
  ['RESP3', ['-3']],
] as const) {
  test(`redis-benchmark, ${title}: its tests of what Shredder has all run`, async (t) => {
    const rates = await redisBenchmark(t, [
      ...flags,
      '-r',
      '1000',
      '-d',
      '64',
      '-t',
      'ping,set,get,incr,mset',
    ]);
    t.deepEqual(
      [...rates.keys()],
      ['PING_INLINE', 'PING_MBULK', 'SET', 'GET', 'INCR', 'MSET (10 keys)'],
    );
    for (const [name, rate] of rates) t.true(rate > 0, name);
  });
}

test('redis-benchmark: over a Unix socket', async (t) => {
  const rates = await redisBenchmark(t, ['-t', 'set'], ['-s', t.context.socket]);
  t.true((rates.get('SET') ?? 0) > 0);
});

test.serial('redis-benchmark: a function is benched by FCALL', async (t) => {
  await redisCli(t, ['FUNCTION', 'LOAD', 'REPLACE', `#!js name=bench\n${LIBRARY}`]);
  const rates = await redisBenchmark(t, ['FCALL_RO', 'measure', '1', 'key']);
  t.is(rates.size, 1);
  t.true([...rates.values()].every((rate) => rate > 0));
});
