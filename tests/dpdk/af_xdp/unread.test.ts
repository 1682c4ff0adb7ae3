// Clients that do not read what they have asked for: their windows are closed. Runs where SHREDDER_TEST_NETWORK is
// af_xdp, as `npx shredder test --with dpdk` sets it.
import test, { type ExecutionContext } from 'ava';
import { eventually } from '../../support/eventually.ts';
import { networkFigures } from '../../support/network_figures.ts';
import { residentBytes } from '../../support/processes.ts';
import { encodeRequest, RawClient } from '../../support/resp.ts';
import { serverFor, type Server } from '../../support/server.ts';
import { stopsWell } from '../../support/stop.ts';
import { ALICE, BOB, twoTenants } from '../../support/tenants.ts';

const MIB = 2 ** 20;

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function connect(t: ExecutionContext, server: Server): Promise<RawClient> {
  const client = await RawClient.connect(server);
  t.teardown(() => client.close());
  return client;
}

async function connectAs(
  t: ExecutionContext,
  server: Server,
  { name, password }: typeof ALICE,
): Promise<RawClient> {
  const client = await connect(t, server);
  t.is(await client.text('AUTH', name, password), '+OK\r\n');
  return client;
}

/** Bytes of which no part is like another. */
function numbered(bytes: number): Buffer {
  return Buffer.from(Uint32Array.from({ length: bytes / 4 }, (_, i) => i * 2_654_435_761).buffer);
}

/** Waits until all that the server sends is the answers to this, and probes. */
async function untilWindowsAreClosed(observer: RawClient): Promise<void> {
  const sentBytes = async (): Promise<number> => (await networkFigures(observer))('bytes_sent');
  await eventually('the server has stopped sending', async () => {
    const before = await sentBytes();
    await sleep(500);
    return (await sentBytes()) - before < 16 * 1024;
  });
}

test.serial(
  'a client that reads nothing for seconds, and then a little at a time, gets every byte in order, and others are answered meanwhile',
  async (t) => {
    const server = await serverFor(t);
    const other = await connect(t, server);
    const value = numbered(32 * MIB);
    const reply = Buffer.concat([Buffer.from(`$${value.length}\r\n`), value, Buffer.from('\r\n')]);
    t.is(await other.text('SET', 'large', value), '+OK\r\n');
    const sentBefore = (await networkFigures(other))('bytes_sent');
    const clients = await Promise.all(Array.from({ length: 4 }, () => connect(t, server)));
    for (const client of clients) {
      client.pause();
      client.write(
        Buffer.concat([encodeRequest(['GET', 'large']), encodeRequest(['ECHO', 'end'])]),
      );
    }
    const replies = clients.map((client) => client.reply());
    await untilWindowsAreClosed(other);

    // Long enough for several probes of each window.
    const begun = performance.now();
    let answers = 0;
    while (performance.now() - begun < 5_000) {
      t.is(await other.text('SET', 'small', answers), '+OK\r\n');
      const late = await connect(t, server);
      t.is(await late.text('GET', 'small'), `$${String(answers).length}\r\n${answers}\r\n`);
      await late.close();
      answers++;
    }
    t.true(answers > 50, `${answers} answers in 5 s`);
    const sent = (await networkFigures(other))('bytes_sent') - sentBefore;
    t.true(sent < reply.length, `${sent} bytes were sent to who does not read`);

    // The windows open and close again.
    for (let turn = 0; turn < 5; turn++) {
      for (const client of clients) client.resume();
      await sleep(20);
      for (const client of clients) client.pause();
      await sleep(200);
    }
    for (const client of clients) client.resume();
    for (const [i, client] of clients.entries()) {
      t.true((await replies[i]!).equals(reply));
      t.is(String(await client.reply()), '$3\r\nend\r\n');
    }
    await stopsWell(t, server);
  },
);

test.serial(
  'clients that never read are closed at their tenant’s limit, and what the stack has held for them is given back',
  async (t) => {
    const server = await serverFor(t, {
      config: `${twoTenants({ alice: ['connection-memory = "8mb"'] })}admin = true\n`,
    });
    const [alice, bob] = [await connectAs(t, server, ALICE), await connectAs(t, server, BOB)];
    const closed = async (): Promise<number> =>
      Number(/^clients_closed_for_connection_memory:(\d+)/m.exec(await alice.text('INFO'))![1]);
    t.is(await alice.text('SET', 'k', 'x'.repeat(32 * 1024)), '+OK\r\n');
    const [memory, held] = [
      await residentBytes(server),
      (await networkFigures(bob))('stack_bytes'),
    ];
    const CLIENTS = 100;
    // Of each a connection holds as much as makes it pause, 1 MiB, beside what the stack has.
    const requests = Buffer.concat(Array.from({ length: 100 }, () => encodeRequest(['GET', 'k'])));
    const deaf: RawClient[] = [];
    for (let i = 0; i < CLIENTS; i++) {
      const client = await connectAs(t, server, ALICE);
      client.pause();
      client.write(requests);
      deaf.push(client);
    }
    await eventually('all but a few are closed', async () => (await closed()) >= CLIENTS - 10);
    await untilWindowsAreClosed(bob);
    t.true((await closed()) < CLIENTS);
    // A connection that is closed has its last bytes to deliver, 256 KiB at most, until it is given up.
    const bound = (CLIENTS * 256 * 1024 + 8 * MIB) * 2;
    const grown = (await residentBytes(server)) - memory;
    t.true(grown < bound, `the process has grown by ${grown} bytes`);
    await eventually('those that are closed hold nothing', async () => {
      t.is(await bob.text('PING'), '+PONG\r\n');
      await sleep(100);
      return (await networkFigures(bob))('stack_bytes') - held < 10 * 512 * 1024;
    });

    // Who was closed learns of it, and who was not has lost nothing.
    const ends = deaf.map(async (client) => {
      let replies = 0;
      try {
        for (; replies < 100; replies++) await client.reply();
      } catch {
        return replies;
      }
      return replies;
    });
    for (const client of deaf) client.resume();
    const whole = (await Promise.all(ends)).filter((replies) => replies === 100).length;
    t.is(whole, CLIENTS - (await closed()));
    t.is(await alice.text('PING'), '+PONG\r\n');
    await stopsWell(t, server);
  },
);
