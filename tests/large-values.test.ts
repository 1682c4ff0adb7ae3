// Replies with large values are sent from where these lie: whatever becomes of the key meanwhile, a
// slow reader gets the value that it has asked for. Large values are received where they will lie.
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { eventually } from './support/eventually.ts';
import { treeBytes } from './support/process_figures.ts';
import { type Argument, encodeRequest, RawClient } from './support/resp.ts';
import { OVER_AF_XDP } from './support/network.ts';
import { ONE_SHARD, serverFor, type Server } from './support/server.ts';

const test = anyTest as TestFn;

/** More than the kernel holds for a peer that does not read. */
const BYTES = 16 << 20;

const CONFIG = `
[[tenant]]
name = "operator"
password = "operator-password"
admin = true

[[tenant]]
name = "red"
password = "red-password"
memory = "256mb"
`;

/** Bytes in which every misplaced piece shows. */
function pattern(seed: number): Buffer {
  const bytes = Buffer.alloc(BYTES);
  for (let i = 0; i < BYTES; i += 4) bytes.writeUInt32LE((i + seed) >>> 0, i);
  return bytes;
}

const OLD = pattern(1);
const NEW = pattern(2);

async function clientOf(server: Server, tenant: string): Promise<RawClient> {
  const client = await RawClient.connect(server);
  await client.call('AUTH', tenant, `${tenant}-password`);
  return client;
}

/** Clients that have asked for the value of `k` and do not read. */
async function slowReaders(
  server: Server,
  tenant: string,
  writer: RawClient,
  count: number,
): Promise<RawClient[]> {
  const readers: RawClient[] = [];
  for (let i = 0; i < count; i++) readers.push(await clientOf(server, tenant));
  const before = await hits(writer);
  for (const reader of readers) {
    reader.pause();
    reader.write(encodeRequest(['GET', 'k']));
  }
  await eventually('all have asked', async () => (await hits(writer)) === before + count);
  return readers;
}

async function hits(client: RawClient): Promise<number> {
  return Number(/keyspace_hits:(\d+)/.exec(await client.text('INFO', 'stats'))?.[1]);
}

async function usedMemory(client: RawClient): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await client.text('INFO', 'memory'))?.[1]);
}

async function expectOld(t: ExecutionContext, reader: RawClient): Promise<void> {
  reader.resume();
  const reply = await reader.reply();
  const start = reply.indexOf('\r\n') + 2;
  t.is(reply.length, start + BYTES + 2);
  t.is(reply.compare(OLD, 0, BYTES, start, start + BYTES), 0);
}

const writes: readonly (readonly Argument[])[] = [
  ['SET', 'k', NEW],
  ['APPEND', 'k', NEW],
  ['SETRANGE', 'k', 1000, NEW.subarray(0, 1 << 20)],
  ['DEL', 'k'],
  ['PEXPIRE', 'k', 1],
  ['FLUSHALL'],
];

for (const backend of ['io_uring', 'epoll']) {
  test.serial(`slow readers get the old value whole (${backend})`, async (t) => {
    const server = await serverFor(t, { config: CONFIG, flags: ['--backend', backend] });
    const writer = await clientOf(server, 'red');
    for (const write of writes) {
      t.is(await writer.text('SET', 'k', OLD), '+OK\r\n');
      const readers = await slowReaders(server, 'red', writer, 3);
      t.not((await writer.text(...write))[0], '-', String(write[0]));
      // Into the memory that was freed.
      for (const key of ['x', 'y']) t.is(await writer.text('SET', key, NEW), '+OK\r\n');
      for (const reader of readers) {
        await expectOld(t, reader);
        await reader.close();
      }
    }
  });
}

test.serial('a server takes at most 1.2 times its data and what is under way', async (t) => {
  const COUNT = 32;
  const value = OLD.subarray(0, 4 << 20);
  const dataBytes = COUNT * value.length;
  const server = await serverFor(t, { flags: [...ONE_SHARD, '--memory', '1gb'] });
  const open = (): Promise<RawClient[]> =>
    Promise.all(Array.from({ length: COUNT }, () => RawClient.connect(server)));
  const base = await treeBytes(server);
  let most = 0;
  const look = async (): Promise<void> => {
    most = Math.max(most, (await treeBytes(server)) - base);
  };
  const writers = await open();
  const setAll = (shift: number): Promise<unknown> =>
    Promise.all(
      writers.map(async (writer, i) => {
        t.is(await writer.text('SET', `k${(i + shift) % COUNT}`, value), '+OK\r\n');
        await look();
      }),
    );
  for (let round = 0; round < 4; round++) await setAll(round);
  // The data, and as much that arrives.
  t.true(most < 1.2 * 2 * dataBytes, `${most} bytes`);
  // Of whom nothing more comes, and who do not read what they have asked for.
  const halves = await open();
  await eventually('no more than the data is left', async () => {
    most = (await treeBytes(server)) - base;
    return most < 1.2 * dataBytes;
  });
  for (const [i, half] of halves.entries()) {
    half.write(encodeRequest(['SET', `k${i}`, value]).subarray(0, -100_000));
  }
  await eventually('they are being received', async () => {
    await look();
    return most > 1.9 * dataBytes;
  });
  t.true(most < 1.2 * 2 * dataBytes, `${most} bytes`);
  for (const half of halves) await half.close();
  const readers = await open();
  for (const [i, reader] of readers.entries()) {
    reader.pause();
    reader.write(encodeRequest(['GET', `k${i}`]));
  }
  await setAll(0);
  // And the old values that are being sent.
  t.true(most < 1.2 * 3 * dataBytes, `${most} bytes`);
  for (const reader of readers) await reader.close();
  await eventually('what they took is given back', async () => {
    return (await treeBytes(server)) - base < 1.2 * dataBytes;
  });
});

test.serial('a tenant that is dropped takes its readers along, and nobody else', async (t) => {
  const server = await serverFor(t, { config: CONFIG, flags: ONE_SHARD });
  const operator = await clientOf(server, 'operator');
  t.is(
    await operator.text('TENANT', 'CREATE', 'blue', 'PASSWORD', 'blue-password', 'MEMORY', '64mb'),
    '+OK\r\n',
  );
  const writer = await clientOf(server, 'blue');
  t.is(await writer.text('SET', 'k', OLD), '+OK\r\n');
  const [reader] = await slowReaders(server, 'blue', writer, 1);
  t.is(await operator.text('TENANT', 'DROP', 'blue'), '+OK\r\n');
  reader?.resume();
  await reader?.closed;
  const rest = reader?.unfinished ?? Buffer.alloc(0);
  const start = rest.indexOf('\r\n') + 2;
  t.is(rest.compare(OLD, 0, rest.length - start, start), 0);
  t.is(await operator.text('PING'), '+PONG\r\n');
});

// Over network cards the shards of a client's tenant are found by redirects (dpdk/af_xdp/shards.test.ts).
const overKernel = OVER_AF_XDP ? test.serial.skip : test.serial;
overKernel('a tenant that moves in the middle of a SET has the old value', async (t) => {
  const server = await serverFor(t, { config: CONFIG, flags: ['--shards', '2'] });
  const operator = await clientOf(server, 'operator');
  let reader = await clientOf(server, 'red');
  t.is(await reader.text('SET', 'k', 'old'), '+OK\r\n');
  const empty = await usedMemory(reader);
  for (const shard of ['OWN', 0, 1]) {
    const writer = await clientOf(server, 'red');
    writer.write(encodeRequest(['SET', 'k', NEW]).subarray(0, 6 << 20));
    await eventually('it is being received', async () => (await usedMemory(reader)) > BYTES);
    t.is(await operator.text('TENANT', 'MOVE', 'red', shard), '+OK\r\n');
    await writer.closed;
    reader = await clientOf(server, 'red');
    t.is(await reader.text('GET', 'k'), '$3\r\nold\r\n');
    t.is(await usedMemory(reader), empty);
  }
});

test.serial('a client that goes in the middle of a SET leaves the old value', async (t) => {
  const server = await serverFor(t, { config: CONFIG, flags: ONE_SHARD });
  const reader = await clientOf(server, 'red');
  t.is(await reader.text('SET', 'k', 'old'), '+OK\r\n');
  const empty = await usedMemory(reader);
  for (let i = 0; i < 5; i++) {
    const writer = await clientOf(server, 'red');
    writer.write(encodeRequest(['SET', 'k', NEW]).subarray(0, 1 << 20));
    await eventually('it is being received', async () => (await usedMemory(reader)) > BYTES);
    await writer.close();
    await eventually('its memory is free', async () => (await usedMemory(reader)) === empty);
  }
  t.is(await reader.text('GET', 'k'), '$3\r\nold\r\n');
});

for (const backend of ['io_uring', 'epoll']) {
  test.serial(`a SET is whole though FLUSHALL comes while it arrives (${backend})`, async (t) => {
    const server = await serverFor(t, { config: CONFIG, flags: ['--backend', backend] });
    const writer = await clientOf(server, 'red');
    const other = await clientOf(server, 'red');
    const value = Buffer.concat([OLD, NEW, OLD, NEW]);
    let rounds = 0;
    for (let tries = 0; tries < 20 && rounds < 3; tries++) {
      writer.write(encodeRequest(['SET', 'k', value]));
      await eventually('it arrives', async () => (await usedMemory(other)) > value.length);
      t.is(await other.text('FLUSHALL'), '+OK\r\n');
      t.is(String(await writer.reply()), '+OK\r\n');
      writer.write(encodeRequest(['GET', 'k']));
      const got = await writer.reply();
      // The SET was done before.
      if (String(got) === '$-1\r\n') continue;
      rounds++;
      t.is(got.compare(value, 0, value.length, got.indexOf('\r\n') + 2, got.length - 2), 0);
      t.is(await other.text('FLUSHALL'), '+OK\r\n');
    }
    t.is(rounds, 3);
  });

  test.serial(`what is in a value is no command, however it arrives (${backend})`, async (t) => {
    const server = await serverFor(t, { config: CONFIG, flags: ['--backend', backend] });
    const set = encodeRequest(['SET', 'k', OLD.subarray(0, 65_536)]);
    const behind = encodeRequest(['SET', 'l', 'ECHO INJECTED\r\n'.repeat(100)]);
    // More requests than one turn serves, so that the value has arrived when its turn comes.
    for (const pings of [0, 1, 999, 1000, 1001, 3000]) {
      for (const missing of [0, 1, 2, 3]) {
        const client = await clientOf(server, 'red');
        const stream = Buffer.concat([Buffer.from('PING\r\n'.repeat(pings)), set, behind]);
        const cut = stream.length - behind.length - missing;
        client.write(stream.subarray(0, cut));
        const replies = missing === 0 ? pings + 1 : pings;
        await eventually('all that can be is served', () => client.pending === replies);
        client.write(stream.subarray(cut));
        for (let i = 0; i < pings; i++) t.is(String(await client.reply()), '+PONG\r\n');
        for (let i = 0; i < 2; i++) t.is(String(await client.reply()), '+OK\r\n');
        t.is(await client.text('ECHO', 'end'), '$3\r\nend\r\n');
        await client.close();
      }
    }
  });
}
