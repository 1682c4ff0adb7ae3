// How the server ends: orderly by SIGTERM, whatever it is doing, and at once by kill -9.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { execa } from 'execa';
import { eventually } from './support/eventually.ts';
import { encodeRequest, RawClient } from './support/resp.ts';
import { builtRuntime, serverFor, type Server } from './support/server.ts';

const test = anyTest as TestFn<{ folder: string }>;

test.before(async (t) => {
  t.context.folder = await mkdtemp(path.join(tmpdir(), 'shredder-shutdown-'));
});

test.after.always(async (t) => {
  if (t.context.folder) await rm(t.context.folder, { recursive: true });
});

/** Stops the server by the signal; one that does not end is killed, and has no exit code. */
async function endsWell(
  t: ExecutionContext<{ folder: string }>,
  server: Server,
  signal: NodeJS.Signals,
): Promise<void> {
  t.is(await server.stop(signal), 0, server.log());
}

/** A client that keeps requests under way until the connection ends; its replies, and how many requests. */
async function load(
  server: Server,
  request: Buffer,
): Promise<{ replies: Buffer[]; unfinished: () => Buffer; sent: () => number }> {
  const client = await RawClient.connect(server);
  const replies: Buffer[] = [];
  let sent = 0;
  const send = (count: number): void => {
    sent += count;
    client.write(Buffer.concat(Array.from({ length: count }, () => request)));
  };
  // So few that the kernel's buffers hold their replies: the server gets rid of them at its end,
  // however late this process reads them.
  send(20);
  void (async () => {
    try {
      for (;;) {
        replies.push(await client.reply());
        send(1);
      }
    } catch {
      // The connection has ended.
    }
  })();
  return { replies, unfinished: () => client.unfinished, sent: () => sent };
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test.serial(
    `${signal} under load: every reply that arrives is whole, and the exit code is 0`,
    async (t) => {
      const server = await serverFor(t);
      const value = 'v'.repeat(3_000);
      const setter = await RawClient.connect(server);
      await setter.call('SET', 'key', value);
      await setter.call(
        'FUNCTION',
        'LOAD',
        '#!js name=lib\nexport const f = (keys, args) => args;',
      );
      const loads = await Promise.all([
        ...Array.from({ length: 4 }, () => load(server, encodeRequest(['GET', 'key']))),
        ...Array.from({ length: 4 }, () => load(server, encodeRequest(['SET', 'key', value]))),
        ...Array.from({ length: 2 }, () => load(server, encodeRequest(['FCALL', 'f', '0', value]))),
      ]);
      await eventually('all are being answered', () =>
        loads.every(({ replies }) => replies.length > 500),
      );
      await endsWell(t, server, signal);
      await setter.closed;
      const expected = [`$3000\r\n${value}\r\n`, '+OK\r\n', `*1\r\n$3000\r\n${value}\r\n`];
      for (const { replies, unfinished, sent } of loads) {
        t.true(replies.length <= sent());
        t.true(replies.every((reply) => expected.includes(reply.toString())));
        t.is(unfinished().length, 0, 'a part of a reply');
      }
    },
  );
}

test.serial('SIGTERM ends a function that runs, and the server with it', async (t) => {
  const server = await serverFor(t);
  const [caller, observer] = [await RawClient.connect(server), await RawClient.connect(server)];
  await caller.call('FUNCTION', 'LOAD', '#!js name=lib\nexport function spin() { for (;;); }');
  const reply = caller.text('FCALL', 'spin', '0').catch(() => 'closed');
  await eventually('it runs', async () =>
    /duration_ms/.test(await observer.text('FUNCTION', 'STATS')),
  );
  await endsWell(t, server, 'SIGTERM');
  t.regex(await reply, /^(closed|-ERR function was (killed|terminated).*\r\n)$/);
});

test.serial('SIGTERM does not wait for clients that neither send nor read', async (t) => {
  const server = await serverFor(t);
  const idle = await RawClient.connect(server);
  const half = await RawClient.connect(server);
  half.write('*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1000\r\nhalf');
  const deaf = await RawClient.connect(server);
  await idle.call('SET', 'large', 'x'.repeat(1024 * 1024));
  deaf.pause();
  deaf.write(Buffer.concat(Array.from({ length: 50 }, () => encodeRequest(['GET', 'large']))));
  await idle.call('PING');
  await endsWell(t, server, 'SIGTERM');
  deaf.resume();
  await Promise.all([idle.closed, half.closed, deaf.closed]);
});

test.serial("SIGTERM takes the Unix socket's file away", async (t) => {
  const socket = path.join(t.context.folder, 'orderly.sock');
  const server = await serverFor(t, { flags: ['--unix-socket', socket] });
  t.true((await stat(socket)).isSocket());
  await endsWell(t, server, 'SIGTERM');
  await t.throwsAsync(stat(socket), { code: 'ENOENT' });
});

/**
 * Tries until it succeeds: through io_uring, the kernel listens for a server that was killed until it
 * has cleaned up after it, some milliseconds later or, on a busy machine, many.
 */
async function onceNobodyListens<T>(start: () => Promise<T>): Promise<T> {
  let started: { value: T } | undefined;
  await eventually('nobody listens there any more', async () => {
    try {
      started = { value: await start() };
      return true;
    } catch (error) {
      if (!/another server listens there|already in use/.test(String(error))) throw error;
      return false;
    }
  });
  if (started === undefined) throw new Error('nothing was started');
  return started.value;
}

test.serial('after kill -9 the next server takes the socket file over', async (t) => {
  const socket = path.join(t.context.folder, 'killed.sock');
  for (let i = 0; i < 3; i++) {
    const server = await onceNobodyListens(() =>
      serverFor(t, { flags: ['--unix-socket', socket] }),
    );
    const client = await RawClient.connect({ path: socket });
    t.is(await client.text('SET', 'key', 'v'), '+OK\r\n');
    t.is(await server.stop('SIGKILL'), undefined);
    await client.closed;
    t.true((await stat(socket)).isSocket(), 'nobody was there to remove it');
  }
});

test.serial('a port that a killed server had can be listened on again', async (t) => {
  const first = await serverFor(t);
  const clients = await Promise.all(Array.from({ length: 10 }, () => RawClient.connect(first)));
  for (const client of clients) await client.call('PING');
  await first.stop('SIGKILL');
  const { binDir } = await builtRuntime();
  const second = await onceNobodyListens(async () => {
    const subprocess = execa(path.join(binDir, 'shredderd'), ['--port', String(first.port)], {
      stdin: 'ignore',
      reject: false,
      buffer: false,
    });
    t.teardown(() => subprocess.kill('SIGKILL'));
    let log = '';
    subprocess.stderr.on('data', (chunk) => (log += String(chunk)));
    let ended = false;
    void subprocess.then(() => (ended = true));
    await eventually('it listens', () => {
      if (ended) throw new Error(log);
      return log.includes(`127.0.0.1:${first.port}: ready to accept connections`);
    });
    return { end: subprocess, stop: () => subprocess.kill('SIGTERM') };
  });
  second.stop();
  t.is((await second.end).exitCode, 0);
});
