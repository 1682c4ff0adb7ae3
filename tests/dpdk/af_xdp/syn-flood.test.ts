// SYNs from addresses that nobody has, more than there may be half-open connections. Runs where SHREDDER_TEST_NETWORK is
// af_xdp, as `npx shredder test --with dpdk` sets it.
import test from 'ava';
import { eventually } from '../../support/eventually.ts';
import { networkFigures } from '../../support/network_figures.ts';
import { RawClient } from '../../support/resp.ts';
import { serverFor } from '../../support/server.ts';
import { stopsWell } from '../../support/stop.ts';
import { startSynFlood } from '../../support/syn_flood.ts';

/** docs/tcp-stack.md, "Bounds". */
const MAX_HALF_OPEN = 4096;

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

test.serial(
  'a flood of SYNs takes no connection from anyone, keeps nobody out, and holds a bounded number of connections half open',
  async (t) => {
    const server = await serverFor(t, { cards: { gateway: true } });
    const established = await RawClient.connect(server);
    t.teardown(() => established.close());
    t.is(await established.text('SET', 'key', 0), '+OK\r\n');
    const before = await networkFigures(established);
    const COUNT = 60_000;
    const flood = startSynFlood(t, server, { count: COUNT, perSecond: 10_000 });
    let most = 0;
    let mostBytes = 0;
    let admitted = 0;
    while (!flood.hasEnded()) {
      const figures = await networkFigures(established);
      most = Math.max(most, figures('half_open'));
      mostBytes = Math.max(mostBytes, figures('stack_bytes'));
      // One that gave way to the flood, as it may where the machine is slow to finish a handshake, tries again.
      await eventually('a new client gets in', async () => {
        try {
          const client = await RawClient.connect(server);
          const reply = await client.text('INCR', 'key');
          await client.close();
          return /^:\d+\r\n$/.test(reply);
        } catch {
          return false;
        }
      });
      admitted++;
      await sleep(20);
    }
    await flood.ended;
    t.true(admitted > 20, `${admitted} clients got in`);
    t.true(most <= MAX_HALF_OPEN, `${most} were half open`);
    t.true(most > MAX_HALF_OPEN * 0.9, `${most} were half open`);
    t.true(mostBytes - before('stack_bytes') < MAX_HALF_OPEN * 2048, `${mostBytes} bytes`);
    const after = await networkFigures(established);
    const grown = (...names: string[]): number =>
      names.reduce((sum, name) => sum + after(name) - before(name), 0);
    const arrived = grown('packets_received', 'dropped_ring_full', 'dropped_without_buffer');
    t.true(arrived >= COUNT, `${arrived} frames`);
    t.is(grown('dropped_damaged', 'stack_out_of_memory'), 0);

    // What is left of it is forgotten, and the memory given back.
    await eventually('nothing is half open', async () => {
      await sleep(100);
      return (await networkFigures(established))('half_open') === 0;
    });
    t.true((await networkFigures(established))('stack_bytes') - before('stack_bytes') < 2 ** 20);
    await stopsWell(t, server);
  },
);

test.serial('frames that a stopped server’s card has no room for are counted', async (t) => {
  const server = await serverFor(t, { cards: { gateway: true } });
  const client = await RawClient.connect(server);
  t.teardown(() => client.close());
  const before = await networkFigures(client);
  const COUNT = 20_000;
  process.kill(server.pid, 'SIGSTOP');
  try {
    await startSynFlood(t, server, { count: COUNT, perSecond: 20_000 }).ended;
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  t.is(await client.text('PING'), '+PONG\r\n');
  const after = await networkFigures(client);
  const grown = (name: string): number => after(name) - before(name);
  t.true(grown('packets_received') > 0);
  t.true(grown('packets_received') < COUNT);
  t.true(
    grown('packets_received') + grown('dropped_ring_full') >= COUNT,
    `${grown('packets_received')} received, ${grown('dropped_ring_full')} dropped`,
  );
  await stopsWell(t, server);
});
