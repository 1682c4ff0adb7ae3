// Commands that take long: others are served meanwhile, and they are whole whatever happens to their
// client or to the server.
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { eventually } from './support/eventually.ts';
import { encodeRequest, RawClient } from './support/resp.ts';
import { ONE_SHARD, serverFor, type Server } from './support/server.ts';

const test = anyTest as TestFn;

const KEYS = 200_000;
/** So many KEYS of all of them take longer than any end of a server. */
const LONG = 5_000;

const CONFIG = `
[[tenant]]
name = "red"
password = "red-password"
memory = "256mb"

[[tenant]]
name = "blue"
password = "blue-password"
memory = "16mb"
`;

async function clientOf(server: Server, tenant: 'red' | 'blue'): Promise<RawClient> {
  const client = await RawClient.connect(server);
  await client.call('AUTH', tenant, `${tenant}-password`);
  return client;
}

/** A server with both tenants on one shard, and `red` with many keys. */
async function filledServer(t: ExecutionContext): Promise<Server> {
  const server = await serverFor(t, { config: CONFIG, flags: ONE_SHARD });
  const red = await clientOf(server, 'red');
  for (let first = 0; first < KEYS; first += 10_000) {
    const pairs = Array.from({ length: 10_000 }, (_, i) => [`key:${first + i}`, 'v']).flat();
    await red.call('MSET', ...pairs);
  }
  await red.close();
  return server;
}

/** How many PINGs are answered one after the other before `reply` has arrived. */
async function pingsUntil(client: RawClient, reply: Promise<unknown>): Promise<number> {
  let arrived = false;
  const settled = reply.then(() => {
    arrived = true;
  });
  let pings = 0;
  while (!arrived) {
    await client.call('PING');
    pings++;
  }
  await settled;
  return pings;
}

test.serial(
  "while KEYS is under way another tenant's PINGs are answered, and its own waits for it",
  async (t) => {
    const server = await filledServer(t);
    const [red, second, blue] = await Promise.all([
      clientOf(server, 'red'),
      clientOf(server, 'red'),
      clientOf(server, 'blue'),
    ]);
    // A client that a busy machine keeps from running sees nothing of what is served meanwhile.
    for (let pings = 0, round = 0; pings <= 1; round++) {
      if (!t.true(round < 100, 'no PING is answered meanwhile')) return;
      const found = red.call('KEYS', '*');
      await blue.call('PING');
      const own = second.text('DEL', 'key:0');
      pings = await pingsUntil(blue, found);
      t.true((await found).toString('latin1', 0, 16).startsWith(`*${KEYS}\r\n`));
      t.is(await own, ':1\r\n');
      await second.call('SET', 'key:0', 'v');
    }
  },
);

test.serial(
  'a transaction whose client leaves meanwhile is seen whole or not at all',
  async (t) => {
    const server = await filledServer(t);
    const [red, second, blue] = await Promise.all([
      clientOf(server, 'red'),
      clientOf(server, 'red'),
      clientOf(server, 'blue'),
    ]);
    red.write(
      Buffer.concat([['MULTI'], ['FLUSHALL'], ['EXEC']].map((args) => encodeRequest(args))),
    );
    await blue.call('PING');
    await red.close();
    const seen = new Set<string>();
    await eventually('its keys are gone', async () => {
      const count = await second.text('DBSIZE');
      seen.add(count);
      return count === ':0\r\n';
    });
    seen.delete(':0\r\n');
    seen.delete(`:${KEYS}\r\n`);
    t.deepEqual([...seen], []);
    t.is(await blue.text('PING'), '+PONG\r\n');
  },
);

test.serial('SIGTERM ends a long command, and the server with it', async (t) => {
  const server = await filledServer(t);
  const [red, blue] = await Promise.all([clientOf(server, 'red'), clientOf(server, 'blue')]);
  const replies = red
    .pipeline(Array.from({ length: LONG }, () => ['KEYS', 'no-such-key*']))
    .then((all) => all.map((reply) => reply.toString('latin1', 0, 4)))
    .catch(() => []);
  await blue.call('PING');
  t.is(await server.stop('SIGTERM'), 0, server.log());
  t.true((await replies).length < LONG);
});
