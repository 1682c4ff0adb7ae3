// What one tenant may take of its server: budgets, and what its connections hold.
import test, { type ExecutionContext } from 'ava';
import { eventually } from './support/eventually.ts';
import { residentBytes } from './support/processes.ts';
import { encodeRequest, RawClient } from './support/resp.ts';
import { serverFor, type Server } from './support/server.ts';
import { ALICE, BOB, twoTenants } from './support/tenants.ts';

const MIB = 2 ** 20;
const OPERATOR = { name: 'operator', password: 'the-password-of-the-operator' };

async function clientOf(
  t: ExecutionContext,
  server: Server,
  tenant: typeof ALICE,
): Promise<RawClient> {
  const client = await RawClient.connect(server);
  t.teardown(() => client.close());
  t.is(await client.text('AUTH', tenant.name, tenant.password), '+OK\r\n');
  return client;
}

/** A field of INFO, as a number. */
async function infoField(client: RawClient, name: string): Promise<number> {
  const info = await client.text('INFO');
  return Number(new RegExp(`^${name}:(\\d+)\r$`, 'm').exec(info)?.[1]);
}

test('what a tenant’s connections send half and do not read is bounded, all together', async (t) => {
  const server = await serverFor(t, {
    config: twoTenants({ alice: ['memory = "64mb"', 'connection-memory = "16mb"'] }),
  });
  const [alice, bob] = [await clientOf(t, server, ALICE), await clientOf(t, server, BOB)];
  t.is(await alice.text('SET', 'k', 'x'.repeat(4 * MIB)), '+OK\r\n');
  t.is(await bob.text('SET', 'k', 'of bob'), '+OK\r\n');
  const before = await residentBytes(server);

  const half = encodeRequest(['SET', 'large', 'x'.repeat(8 * MIB)]).subarray(0, 4 * MIB);
  const senders: RawClient[] = [];
  for (let i = 0; i < 16; ++i) {
    const sender = await clientOf(t, server, ALICE);
    sender.reply().catch(() => {});
    sender.write(half);
    senders.push(sender);
  }
  await Promise.race(senders.map((sender) => sender.closed));
  const readers: RawClient[] = [];
  for (let i = 0; i < 16; ++i) {
    const reader = await clientOf(t, server, ALICE);
    reader.pause();
    for (let n = 0; n < 8; ++n) reader.write(encodeRequest(['GET', 'k']));
    readers.push(reader);
  }
  await eventually(
    'connections were closed',
    async () => (await infoField(alice, 'clients_closed_for_connection_memory')) > 4,
  );
  // One that holds less than 4 KiB is left alone.
  t.true((await infoField(alice, 'mem_clients_normal')) <= 16 * MIB + 64 * 4096);
  // Buffers are at most twice as large as what they hold.
  t.true((await residentBytes(server)) - before < 64 * MIB);
  t.is(await bob.text('GET', 'k'), '$6\r\nof bob\r\n');
  t.is(await infoField(bob, 'mem_clients_normal'), 0);
});

test('requests over a budget wait and are answered in order, others’ are not held up', async (t) => {
  const server = await serverFor(t, {
    config: twoTenants({ alice: ['ops-per-second = 20', 'memory = "8mb"'] }),
  });
  const [alice, bob] = [await clientOf(t, server, ALICE), await clientOf(t, server, BOB)];
  const requests = Array.from({ length: 30 }, () => ['INCR', 'n']);
  const replies = alice.pipeline(requests);
  for (let i = 0; i < 100; ++i) t.is(await bob.text('PING'), '+PONG\r\n');
  t.deepEqual(
    (await replies).map(String),
    requests.map((_, i) => `:${i + 1}\r\n`),
  );
  await eventually(
    'there is budget again',
    async () => (await infoField(alice, 'throttled_commands')) > 0,
  );
});

test('an administrator sets and lifts budgets while clients are connected', async (t) => {
  const server = await serverFor(t, {
    config: `${twoTenants()}[[tenant]]\nname = "${OPERATOR.name}"\npassword = "${OPERATOR.password}"\nadmin = true\n`,
  });
  const operator = await clientOf(t, server, OPERATOR);
  const OK = '+OK\r\n';
  t.is(
    await operator.text(
      ...['TENANT', 'CREATE', 'made', 'PASSWORD', 'the-password-of-made', 'MEMORY', '8mb'],
    ),
    OK,
  );
  const made = await clientOf(t, server, { name: 'made', password: 'the-password-of-made' });
  const library = `#!js name=l
export function burn(keys, args) {
  let x = 0;
  for (let i = 0; i < 3e7; i++) x += i % 7;
  return x > 0;
}`;
  t.is(await made.text('FUNCTION', 'LOAD', library), '$1\r\nl\r\n');
  t.is(await made.text('FCALL', 'burn', '0'), ':1\r\n');
  t.is(
    await operator.text(
      ...['TENANT', 'SET', 'made', 'CPU-MS-PER-SECOND', '10', 'OVER-LIMIT', 'refuse'],
    ),
    OK,
  );
  const burnt: string[] = [];
  await eventually('the budget is used up', async () => {
    burnt.push(await made.text('FCALL', 'burn', '0'));
    return burnt.at(-1)!.startsWith('-THROTTLED');
  });
  t.regex(burnt.at(-1)!, /^-THROTTLED the tenant has used its 10 ms of CPU time a second; try/);
  t.is(await operator.text('TENANT', 'SET', 'made', 'CPU-MS-PER-SECOND', 'default'), OK);
  await eventually(
    'it is lifted',
    async () => (await made.text('FCALL', 'burn', '0')) === ':1\r\n',
  );
  t.is(await operator.text('TENANT', 'SET', 'made', 'MAX-CLIENTS', '1'), OK);
  const second = await RawClient.connect(server);
  t.is(
    await second.text('AUTH', 'made', 'the-password-of-made'),
    '-ERR max number of clients reached\r\n',
  );
  await second.closed;
});
