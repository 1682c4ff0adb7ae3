// Clients that end their side, or all of the connection, in the middle of a reply. Runs where SHREDDER_TEST_NETWORK is
// af_xdp, as `npx shredder test --with dpdk` sets it.
import test, { type ExecutionContext } from 'ava';
import { eventually } from '../../support/eventually.ts';
import { networkFigures } from '../../support/network_figures.ts';
import { encodeRequest, RawClient } from '../../support/resp.ts';
import { serverFor, type Server } from '../../support/server.ts';
import { stopsWell } from '../../support/stop.ts';

const MIB = 2 ** 20;
const VALUE = 'x'.repeat(8 * MIB);
const REPLY = `$${VALUE.length}\r\n${VALUE}\r\n`;

async function connect(t: ExecutionContext, server: Server): Promise<RawClient> {
  const client = await RawClient.connect(server);
  t.teardown(() => client.close());
  return client;
}

/** How many clients INFO counts. */
async function clientsOf(observer: RawClient): Promise<number> {
  return Number(/^connected_clients:(\d+)/m.exec(await observer.text('INFO', 'clients'))![1]);
}

test.serial(
  'a client that ends its side in the middle of a reply gets the rest of it, and all other replies',
  async (t) => {
    const server = await serverFor(t);
    const other = await connect(t, server);
    t.is(await other.text('SET', 'large', VALUE), '+OK\r\n');
    const clients = await Promise.all(Array.from({ length: 10 }, () => connect(t, server)));
    for (const client of clients) {
      client.pause();
      client.write(
        Buffer.concat([encodeRequest(['GET', 'large']), encodeRequest(['ECHO', 'end'])]),
      );
    }
    t.is(await other.text('PING'), '+PONG\r\n');
    for (const client of clients) client.end();
    t.is(await other.text('PING'), '+PONG\r\n');
    const replies = clients.map(async (client) => [await client.reply(), await client.reply()]);
    for (const client of clients) client.resume();
    for (const [large, end] of await Promise.all(replies)) {
      t.true(large!.equals(Buffer.from(REPLY)));
      t.is(String(end), '$3\r\nend\r\n');
    }
    await Promise.all(clients.map((client) => client.closed));
    await eventually('they are gone', async () => (await clientsOf(other)) === 1);
    await stopsWell(t, server);
  },
);

test.serial(
  'clients that reset their connections in the middle of a reply are gone with all that was held for them, and others are answered',
  async (t) => {
    const server = await serverFor(t);
    const other = await connect(t, server);
    t.is(await other.text('SET', 'large', VALUE), '+OK\r\n');
    const held = (await networkFigures(other))('stack_bytes');
    for (let round = 0; round < 20; round++) {
      const clients = await Promise.all(Array.from({ length: 10 }, () => connect(t, server)));
      for (const [i, client] of clients.entries()) {
        // Some before the first byte has come, some with a closed window, some while they read.
        if (i % 3 === 1) client.pause();
        client.write(encodeRequest(['GET', 'large']));
        if (i % 3 === 2) await eventually('a part has come', () => client.unfinished.length > 0);
      }
      t.is(await other.text('INCR', 'rounds'), `:${round + 1}\r\n`);
      for (const client of clients) client.reset();
      await Promise.all(clients.map((client) => client.closed));
      t.is(await other.text('GET', 'rounds'), `$${String(round + 1).length}\r\n${round + 1}\r\n`);
    }
    await eventually('they are gone', async () => (await clientsOf(other)) === 1);
    await eventually(
      'nothing is held for them',
      async () => (await networkFigures(other))('stack_bytes') - held < 64 * 1024,
    );
    t.is(await other.text('GET', 'large'), REPLY);
    await stopsWell(t, server);
  },
);
