// The example adapters under the packages that they plug into, over clients of ioredis and node-redis.
import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import express from 'express';
import { rateLimit } from 'express-rate-limit';
import session from 'express-session';
import { Redis } from 'ioredis';
import Keyv from 'keyv';
import { createClient } from 'redis';
import { createStorage } from 'unstorage';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import { loadLibrary } from '../build-scripts/functions/load.ts';
import { FUNCTIONS_PACKAGE } from '../build-scripts/functions/package.ts';
import { openProject } from '../build-scripts/functions/project.ts';
import { typeCheck } from '../build-scripts/functions/typecheck.ts';
import { KeyvAdapter } from '../ts-functions/examples/adapters/node/keyv_adapter.ts';
import { RateLimitStore } from '../ts-functions/examples/adapters/node/rate_limit_store.ts';
import { SessionStore } from '../ts-functions/examples/adapters/node/session_store.ts';
import { storageDriver } from '../ts-functions/examples/adapters/node/storage_driver.ts';
import { eventually } from './support/eventually.ts';
import { startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';

declare module 'express-session' {
  interface SessionData {
    visits: number;
    cart: string[];
  }
}

const test = anyTest as TestFn;
const ADAPTERS = path.join(FUNCTIONS_PACKAGE, 'examples', 'adapters');

let server: Server;
let ioredis: Redis;
let nodeRedis: ReturnType<typeof createClient>;

test.before(async (t) => {
  server = await startServer({});
  ioredis = new Redis({ port: server.port });
  nodeRedis = createClient({ socket: { port: server.port } });
  nodeRedis.on('error', () => {});
  await nodeRedis.connect();
  const project = openProject(path.join(ADAPTERS, 'adapters.ts'));
  t.is(typeCheck(project)?.text ?? '', '');
  await loadLibrary(ioredis, await bundleLibrary(project, 'adapters'));
});

test.beforeEach(async () => {
  await ioredis.flushall();
});

test.after.always(async (t) => {
  ioredis?.disconnect();
  nodeRedis?.destroy();
  if (server !== undefined) await stopsWell(t, server);
});

/** Runs a test with each of the clients. */
function withClients(
  title: string,
  body: (t: ExecutionContext, client: Redis | typeof nodeRedis) => Promise<void>,
): void {
  test.serial(`${title}, over ioredis`, (t) => body(t, ioredis));
  test.serial(`${title}, over node-redis`, (t) => body(t, nodeRedis));
}

/** The address of an application that is served until the test ends. */
async function addressOf(t: ExecutionContext, app: express.Express): Promise<string> {
  const http: HttpServer = app.listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.teardown(() => http.close());
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

withClients('express-rate-limit counts in windows that all processes share', async (t, client) => {
  // Two applications stand for two processes.
  const app = (): express.Express =>
    express()
      .use(
        rateLimit({
          windowMs: 60_000,
          limit: 3,
          legacyHeaders: false,
          standardHeaders: 'draft-6',
          store: new RateLimitStore(client),
        }),
      )
      .get('/', (_request, response) => {
        response.send('fine');
      });
  const addresses = [await addressOf(t, app()), await addressOf(t, app())] as const;
  const seen: unknown[] = [];
  for (const i of [0, 1, 0, 1]) {
    const { status, headers } = await fetch(addresses[i as 0 | 1]);
    const reset = Number(headers.get('ratelimit-reset'));
    seen.push([status, headers.get('ratelimit-remaining'), reset > 50 && reset <= 60]);
  }
  t.deepEqual(seen, [
    [200, '2', true],
    [200, '1', true],
    [200, '0', true],
    [429, '0', true],
  ]);
});

withClients('a rate limit gives hits back that do not count, and ends', async (t, client) => {
  const store = new RateLimitStore(client);
  const app = express()
    .use(rateLimit({ windowMs: 700, limit: 2, skipFailedRequests: true, store }))
    .get('/:status', (request, response) => {
      response.sendStatus(Number(request.params.status));
    });
  const address = await addressOf(t, app);
  const ip = '127.0.0.1';
  for (let i = 0; i < 5; i++) t.is((await fetch(`${address}/404`)).status, 404);
  // What failed is taken back after its answer.
  await eventually('no hits are left', async () => (await store.get(ip)) === undefined);

  await store.increment(ip);
  t.deepEqual((await store.increment(ip)).totalHits, 2);
  const { totalHits, resetTime } = await store.increment(ip);
  const left = (resetTime?.getTime() ?? 0) - Date.now();
  t.is(totalHits, 3);
  t.true(left <= 700, String(left));
  await eventually('no hits are left', async () => (await store.get(ip)) === undefined);
  t.deepEqual(await ioredis.keys('*'), []);
  t.is((await store.increment(ip)).totalHits, 1);
});

withClients('rate limits of different prefixes are reset apart', async (t, client) => {
  const window = { windowMs: 60_000 } as Parameters<RateLimitStore['init']>[0];
  // A prefix with characters that mean something in keys and patterns.
  const [a, b] = ['a|%*[x]:', 'b:'].map((prefix) => new RateLimitStore(client, { prefix })) as [
    RateLimitStore,
    RateLimitStore,
  ];
  for (const store of [a, b]) {
    store.init(window);
    for (const name of ['x', 'x', 'y']) await store.increment(name);
  }
  await a.resetKey('x');
  t.is(await a.get('x'), undefined);
  t.is((await a.get('y'))?.totalHits, 1);
  await a.decrement('y');
  await a.decrement('y');
  t.is(await a.get('y'), undefined);
  await a.increment('z');
  await a.resetAll();
  t.is(await a.get('z'), undefined);
  t.is((await b.get('x'))?.totalHits, 2);
});

withClients('express-session keeps sessions, renews and destroys them', async (t, client) => {
  const store = new SessionStore(client);
  const app = express()
    .use(
      session({
        secret: 'a test',
        resave: false,
        saveUninitialized: false,
        rolling: true,
        cookie: { maxAge: 60_000 },
        store,
      }),
    )
    .get('/visit', (request, response) => {
      request.session.visits = (request.session.visits ?? 0) + 1;
      response.send(String(request.session.visits));
    })
    .get('/look', (request, response) => {
      response.send(String(request.session.visits));
    })
    .get('/leave', (request, response, next) => {
      request.session.destroy((error: unknown) => (error ? next(error) : response.send('left')));
    });
  const address = await addressOf(t, app);
  const first = await fetch(`${address}/visit`);
  t.is(await first.text(), '1');
  const cookie = first.headers.get('set-cookie')?.split(';')[0] ?? '';
  const get = async (page: string): Promise<string> =>
    await (await fetch(`${address}/${page}`, { headers: { cookie } })).text();
  t.is(await get('visit'), '2');
  t.is(await get('look'), '2');

  const [key = ''] = await ioredis.keys('sess:*');
  const ttl = await ioredis.pttl(key);
  t.true(ttl > 50_000 && ttl <= 60_000, String(ttl));
  // A request that changes nothing renews the session.
  await ioredis.pexpire(key, 20_000);
  t.is(await get('look'), '2');
  t.true((await ioredis.pttl(key)) > 50_000);
  t.is(await get('leave'), 'left');
  t.is(await get('look'), 'undefined');
  t.deepEqual(await ioredis.keys('*'), []);
});

/** A session as express-session makes it. */
function sessionOf(expires: Date | null, cart: string[]): session.SessionData {
  const cookie = { originalMaxAge: null, expires, path: '/' } as unknown as session.Cookie;
  return { cookie, cart } as session.SessionData;
}

/** What a method of a store gives its callback. */
function given<T>(
  call: (callback: (error: unknown, value?: T) => void) => void,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    call((error, value) => (error ? reject(error) : resolve(value)));
  });
}

withClients('a session store renews no more than it should', async (t, client) => {
  const store = new SessionStore(client, { prefix: 's:', ttl: 100 });
  const soon = new Date(Date.now() + 30_000);
  await given<void>((done) => store.set('a', sessionOf(null, ['x']), done));
  await given<void>((done) => store.set('b', sessionOf(soon, []), done));
  const ttls = [await ioredis.pttl('s:a'), await ioredis.pttl('s:b')] as const;
  t.true(ttls[0] > 90_000 && ttls[0] <= 100_000 && ttls[1] > 20_000 && ttls[1] <= 30_000);

  // What another request has written meanwhile stays.
  await given<void>((done) => store.touch('a', sessionOf(soon, ['stale']), done));
  const read = await given<session.SessionData | null>((done) => store.get('a', done));
  t.deepEqual(read?.cart, ['x']);
  t.is(String(read?.cookie.expires), soon.toISOString());
  t.true((await ioredis.pttl('s:a')) <= 30_000);

  await given<void>((done) => store.destroy('b', done));
  await given<void>((done) => store.touch('b', sessionOf(soon, []), done));
  t.is(await given((done) => store.get('b', done)), null);

  // One whose cookie has ended is gone.
  await given<void>((done) => store.set('a', sessionOf(new Date(0), []), done));
  t.is(await given((done) => store.length(done)), 0);
});

withClients('a session store counts, lists and clears its own', async (t, client) => {
  const store = new SessionStore(client);
  const other = new SessionStore(client, { prefix: 'sess?' });
  await given<void>((done) => other.set('o', sessionOf(null, []), done));
  // More than one step of a walk finds.
  for (let i = 0; i < 1200; i++) {
    await given<void>((done) => store.set(`id${i}`, sessionOf(null, [String(i)]), done));
  }
  t.is(await given((done) => store.length(done)), 1200);
  const all = await given<Record<string, session.SessionData>>((done) => store.all(done));
  t.is(Object.keys(all ?? {}).length, 1200);
  t.deepEqual(all?.['id1199']?.cart, ['1199']);
  await given<void>((done) => store.clear(done));
  t.is(await given((done) => store.length(done)), 0);
  t.is(await given((done) => other.length(done)), 1);
});

withClients('an error of the server reaches the callback of a session store', async (t, client) => {
  const store = new SessionStore(client);
  await ioredis.set('sess:x', 'no JSON');
  await t.throwsAsync(
    given<void>((done) => store.touch('x', sessionOf(null, []), done)),
    {
      message: /TypeError: the value of "sess:x" is not JSON/,
    },
  );
});

withClients('unstorage reads, writes, lists and clears', async (t, client) => {
  const storage = createStorage({ driver: storageDriver({ client, base: 'app:' }) });
  await storage.setItem('users:ada', { name: 'Ada' });
  await storage.setItem('users:alan', 'Alan');
  await storage.setItem('text', 'é 😀');
  await storage.setItemRaw('raw', new Uint8Array([0, 255, 128]));
  t.deepEqual(await storage.getItem('users:ada'), { name: 'Ada' });
  t.is(await storage.getItem('text'), 'é 😀');
  t.deepEqual([...((await storage.getItemRaw('raw')) as Uint8Array)], [0, 255, 128]);
  t.is(await storage.getItem('none'), null);
  t.deepEqual([await storage.hasItem('text'), await storage.hasItem('none')], [true, false]);
  t.deepEqual((await storage.getKeys('users')).sort(), ['users:ada', 'users:alan']);
  t.is((await storage.getKeys()).length, 4);
  t.deepEqual(await storage.getItems(['users:alan', 'none']), [
    { key: 'users:alan', value: 'Alan' },
    { key: 'none', value: null },
  ]);
  t.deepEqual((await ioredis.keys('app:users:*')).length, 2);

  await storage.removeItem('text');
  t.false(await storage.hasItem('text'));
  await ioredis.set('other', 'stays');
  storage.mount('cache', storageDriver({ client, base: 'cache' }));
  await storage.setItem('cache:a', 1);
  t.is(await ioredis.get('cache:a'), '1');
  await storage.clear('cache');
  t.deepEqual((await storage.getKeys()).sort(), ['raw', 'users:ada', 'users:alan']);
  const driver = storageDriver({ client, base: 'app' });
  await driver.clear?.('users:', {});
  t.deepEqual(await storage.getKeys(), ['raw']);
  await storage.clear();
  t.deepEqual(await ioredis.keys('*'), ['other']);
});

withClients('items of unstorage end when they say, or the driver does', async (t, client) => {
  const storage = createStorage({ driver: storageDriver({ client, ttl: 100 }) });
  await storage.setItem('a', 1, { ttl: 5 });
  await storage.setItem('b', 2);
  await storage.setItems(
    [
      { key: 'c', value: '3', options: { ttl: 7 } },
      { key: 'd', value: '4' },
    ],
    { ttl: 50 },
  );
  const ttls: number[] = [];
  for (const key of ['a', 'b', 'c', 'd']) ttls.push(Math.ceil((await ioredis.pttl(key)) / 1000));
  [5, 100, 7, 50].forEach((ttl, i) => {
    t.true(ttls[i]! <= ttl && ttls[i]! > 0.5 * ttl, `${ttls[i]} of ${ttl}`);
  });
  await storage.setItem('e', 1, { ttl: 0.05 });
  await eventually('the item has gone', async () => !(await storage.hasItem('e')));
});

withClients('keyv keeps values by namespace, for their time', async (t, client) => {
  const [users, posts, plain] = ['users', 'posts', undefined].map(
    (namespace) =>
      new Keyv({
        store: new KeyvAdapter(client),
        throwOnErrors: true,
        ...(namespace === undefined ? { useKeyPrefix: false } : { namespace }),
      }),
  ) as [Keyv, Keyv, Keyv];
  t.true(await users.set('a', { name: 'Ada' }));
  await posts.set('a', 'post');
  await plain.set('a', 'plain');
  t.deepEqual(
    [await users.get('a'), await posts.get('a'), await plain.get('a'), await users.get('none')],
    [{ name: 'Ada' }, 'post', 'plain', undefined],
  );
  t.deepEqual([await users.has('a'), await users.has('none')], [true, false]);
  t.deepEqual([await users.delete('a'), await users.delete('a')], [true, false]);

  await users.set('short', 1, 60);
  await users.set('long', 2, 60_000);
  const ttl = await ioredis.pttl('keyv:users:long');
  t.true(ttl > 50_000 && ttl <= 60_000, String(ttl));
  await eventually('it is gone', async () => (await ioredis.exists('keyv:users:short')) === 0);
  t.is(await users.get('short'), undefined);
  // Written anew without a time, it is there for ever.
  await users.set('long', 3);
  t.is(await ioredis.pttl('keyv:users:long'), -1);

  await users.clear();
  t.is(await users.get('long'), undefined);
  t.is(await posts.get('a'), 'post');
});

withClients('keyv has many at once, and iterates', async (t, client) => {
  const keyv = new Keyv({ store: new KeyvAdapter(client), namespace: 'n[*]', throwOnErrors: true });
  const other = new Keyv({
    store: new KeyvAdapter(client),
    namespace: 'n[*]2',
    throwOnErrors: true,
  });
  await other.set('x', 'not here');
  const entries = Array.from({ length: 300 }, (_, i) => ({ key: `k${i}`, value: i }));
  await keyv.setMany(entries.slice(0, 299));
  await keyv.setMany([{ key: 'k299', value: 299, ttl: 60_000 }]);
  t.deepEqual(await keyv.get(['k0', 'none', 'k299']), [0, undefined, 299]);
  t.deepEqual(await keyv.has(['k0', 'none']), [true, false]);
  t.true((await ioredis.pttl('keyv:n[*]:k299')) > 0);

  const found = new Map<string, unknown>();
  for await (const [key, value] of keyv.iterator!(undefined)) found.set(key, value);
  t.deepEqual(
    [...found].sort(([, a], [, b]) => Number(a) - Number(b)),
    entries.map(({ key, value }) => [key, value]),
  );
  t.deepEqual([await keyv.delete(['k0', 'k1']), await keyv.delete(['k0', 'k2'])], [true, false]);
  await keyv.clear();
  t.is((await ioredis.keys('*')).length, 1);
  t.is(await other.get('x'), 'not here');
});
