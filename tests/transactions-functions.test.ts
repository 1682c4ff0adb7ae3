// Functions in transactions: FCALL between MULTI and EXEC, and WATCH of what functions write.
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { eventually } from './support/eventually.ts';
import { RawClient } from './support/resp.ts';
import { startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';
import { ALICE, BOB, twoTenants } from './support/tenants.ts';

const test = anyTest as TestFn<{ server: Server }>;

/** Of alice's functions; bob's end by FUNCTION KILL. */
const DEADLINE_MS = 50;
/** What must be seen may take as long as it likes, but for BUSY, which comes at once. */
const BUSY_REPLY_MS = 1;

/** Enough for the loops around the builtins to be optimised. */
const HOT = 20_000;

const LIBRARY = [
  '#!js name=writes',
  'import { HTAdd, HTDelete, HTGet, HTSet } from "shredder:store";',
  'const bytes = new Uint8Array(8).fill(120);',
  'export function set(keys) { for (const key of keys) HTSet(key, bytes); return "set"; }',
  'export function setAndThrow(keys) { set(keys); throw new Error("undone"); }',
  'export function setAndSpin(keys) { set(keys); for (;;); }',
  `export function setOften([key]) { for (let i = 0; i < ${HOT}; i++) HTSet(key, bytes); }`,
  `export function addOften([key]) { for (let i = 0; i < ${HOT}; i++) HTAdd(key, 1); }`,
  `export function deleteOften([key]) { for (let i = 0; i < ${HOT}; i++) HTDelete(i === ${HOT - 1} ? key : "absent"); }`,
  `export function setOthersOften([key]) { for (let i = 0; i < ${HOT}; i++) HTSet(key + (i % 10), bytes); }`,
  `export function setOftenAndThrow([key]) { setOften([key]); throw new Error("undone"); }`,
  'export function get([key]) { return HTGet(key, new Uint8Array(64)); }',
  'get.flags = ["no-writes"];',
].join('\n');

test.before(async (t) => {
  t.context.server = await startServer({
    config: twoTenants({
      server: ['deadline-ms = 600000', `busy-reply-ms = ${BUSY_REPLY_MS}`],
      alice: [`deadline-ms = ${DEADLINE_MS}`],
    }),
  });
  for (const tenant of [ALICE, BOB]) {
    const client = await RawClient.connect(t.context.server);
    await client.call('AUTH', tenant.name, tenant.password);
    t.is(await client.text('FUNCTION', 'LOAD', LIBRARY), '$6\r\nwrites\r\n');
    await client.close();
  }
});

test.after.always(async (t) => {
  await stopsWell(t, t.context.server);
});

async function clientFor(
  t: ExecutionContext<{ server: Server }>,
  tenant = BOB,
): Promise<RawClient> {
  const client = await RawClient.connect(t.context.server);
  t.teardown(() => client.close());
  t.is(await client.text('AUTH', tenant.name, tenant.password), '+OK\r\n');
  return client;
}

/** Queues the lines' words in a transaction. */
async function queue(
  t: ExecutionContext<{ server: Server }>,
  client: RawClient,
  ...lines: string[]
): Promise<void> {
  t.is(await client.text('MULTI'), '+OK\r\n');
  for (const line of lines) t.is(await client.text(...line.split(' ')), '+QUEUED\r\n');
}

async function runs(observer: RawClient, name: string): Promise<void> {
  await eventually('the function runs', async () =>
    (await observer.text('FUNCTION', 'STATS')).includes(`name\r\n$${name.length}\r\n${name}\r\n`),
  );
}

const VALUE = '$8\r\nxxxxxxxx\r\n';

test.serial("a function's writes are kept with the rest", async (t) => {
  const client = await clientFor(t);
  await client.call('FLUSHALL');
  await queue(t, client, 'SET a 1', 'FCALL set 2 a b', 'GET a', 'FCALL_RO get 1 b', 'INCR n');
  t.is(await client.text('EXEC'), `*5\r\n+OK\r\n$3\r\nset\r\n${VALUE}$1\r\n8\r\n:1\r\n`);
  t.is(await client.text('MGET', 'a', 'b', 'n'), `*3\r\n${VALUE}${VALUE}$1\r\n1\r\n`);
});

test.serial('a function that throws is undone, and the rest is kept', async (t) => {
  const client = await clientFor(t);
  await client.call('FLUSHALL');
  await queue(t, client, 'SET a 1', 'FCALL setAndThrow 2 a b', 'GET a', 'FCALL set 1 c');
  t.regex(
    await client.text('EXEC'),
    /^\*4\r\n\+OK\r\n-ERR Error: undone at writes:5:\d+\r\n\$1\r\n1\r\n\$3\r\nset\r\n$/,
  );
  t.is(await client.text('MGET', 'a', 'b', 'c'), `*3\r\n$1\r\n1\r\n$-1\r\n${VALUE}`);
});

test.serial(
  'a function that is terminated by its deadline is undone, and the rest is kept',
  async (t) => {
    const client = await clientFor(t, ALICE);
    await client.call('FLUSHALL');
    await queue(t, client, 'SET a 1', 'FCALL setAndSpin 2 a b', 'GET a', 'INCR a');
    t.regex(
      await client.text('EXEC'),
      /^\*4\r\n\+OK\r\n-ERR function was terminated after its deadline of [^\r]*, its writes are undone\r\n\$1\r\n1\r\n:2\r\n$/,
    );
    t.is(await client.text('MGET', 'a', 'b'), '*2\r\n$1\r\n2\r\n$-1\r\n');
  },
);

test.serial('a function that is killed is undone, and the rest is kept', async (t) => {
  const client = await clientFor(t);
  const observer = await clientFor(t);
  await client.call('FLUSHALL');
  await queue(t, client, 'SET a 1', 'FCALL setAndSpin 2 a b', 'INCR a');
  const reply = client.text('EXEC');
  await runs(observer, 'setAndSpin');
  t.is(await observer.text('FUNCTION', 'KILL'), '+OK\r\n');
  t.regex(
    await reply,
    /^\*3\r\n\+OK\r\n-ERR function was killed by FUNCTION KILL[^\r]*\r\n:2\r\n$/,
  );
  t.is(await observer.text('MGET', 'a', 'b'), '*2\r\n$1\r\n2\r\n$-1\r\n');
});

test.serial(
  'while a function of a transaction runs, other tenants are served, and its own are busy',
  async (t) => {
    const client = await clientFor(t);
    const own = await clientFor(t);
    const other = await clientFor(t, ALICE);
    await client.call('FLUSHALL');
    await queue(t, client, 'SET a 1', 'FCALL setAndSpin 1 b', 'FCALL setAndSpin 1 c', 'INCR a');
    const reply = client.text('EXEC');
    for (const key of ['b', 'c']) {
      await eventually('the function runs', async () =>
        (await own.text('FUNCTION', 'STATS')).includes(`setAndSpin\r\n$1\r\n1\r\n$1\r\n${key}\r\n`),
      );
      for (let i = 0; i < 50; i++) {
        t.is(await other.text('SET', 'key', String(i)), '+OK\r\n');
        t.is(await other.text('GET', 'key'), `$${String(i).length}\r\n${i}\r\n`);
      }
      t.regex(await own.text('GET', 'a'), /^-BUSY /);
      t.is(await own.text('FUNCTION', 'KILL'), '+OK\r\n');
    }
    t.regex(await reply, /^\*4\r\n\+OK\r\n-ERR [^\r]*\r\n-ERR [^\r]*\r\n:2\r\n$/);
    t.is(await own.text('GET', 'a'), '$1\r\n2\r\n');
  },
);

test.serial('a connection that ends while its EXEC runs has executed it', async (t) => {
  const leaving = await clientFor(t);
  const observer = await clientFor(t);
  await observer.call('FLUSHALL');
  await queue(t, leaving, 'SET a 1', 'FCALL setAndSpin 1 b', 'INCR a');
  leaving.text('EXEC').catch(() => undefined);
  await runs(observer, 'setAndSpin');
  await leaving.close();
  t.is(await observer.text('FUNCTION', 'KILL'), '+OK\r\n');
  await eventually(
    'the transaction has ended',
    async () => (await observer.text('MGET', 'a', 'b')) === '*2\r\n$1\r\n2\r\n$-1\r\n',
  );
});

// After Redis's own, with a function in the script's place: tests/unit/multi.tcl.

test.serial('MULTI and script timeout', async (t) => {
  const [caller, observer, client] = [await clientFor(t), await clientFor(t), await clientFor(t)];
  await observer.call('SET', 'xx', '1');
  const reply = caller.text('FCALL', 'setAndSpin', '0');
  await runs(observer, 'setAndSpin');
  t.is(await client.text('MULTI'), '+OK\r\n');
  t.regex(await client.text('INCR', 'xx'), /^-BUSY /);
  await observer.call('FUNCTION', 'KILL');
  await reply;
  t.is(await client.text('INCR', 'xx'), '+QUEUED\r\n');
  t.regex(await client.text('EXEC'), /^-EXECABORT .*previous errors/);
  t.is(await observer.text('GET', 'xx'), '$1\r\n1\r\n');
  t.is(await client.text('PING', 'asdf'), '$4\r\nasdf\r\n');
});

test.serial('EXEC and script timeout', async (t) => {
  const [caller, observer, client] = [await clientFor(t), await clientFor(t), await clientFor(t)];
  await observer.call('SET', 'xx', '1');
  await queue(t, client, 'INCR xx');
  const reply = caller.text('FCALL', 'setAndSpin', '0');
  await runs(observer, 'setAndSpin');
  t.regex(await client.text('INCR', 'xx'), /^-BUSY /);
  t.regex(await client.text('EXEC'), /^-EXECABORT .*BUSY/);
  await observer.call('FUNCTION', 'KILL');
  await reply;
  t.is(await observer.text('GET', 'xx'), '$1\r\n1\r\n');
  t.is(await client.text('PING', 'asdf'), '$4\r\nasdf\r\n');
});

test.serial('MULTI-EXEC body and script timeout', async (t) => {
  const [caller, observer, client] = [await clientFor(t), await clientFor(t), await clientFor(t)];
  await observer.call('SET', 'xx', '1');
  await queue(t, client, 'INCR xx');
  const reply = caller.text('FCALL', 'setAndSpin', '0');
  await runs(observer, 'setAndSpin');
  t.regex(await client.text('INCR', 'xx'), /^-BUSY /);
  await observer.call('FUNCTION', 'KILL');
  await reply;
  t.regex(await client.text('EXEC'), /^-EXECABORT .*previous errors/);
  t.is(await observer.text('GET', 'xx'), '$1\r\n1\r\n');
});

test.serial('just EXEC and script timeout', async (t) => {
  const [caller, observer, client] = [await clientFor(t), await clientFor(t), await clientFor(t)];
  await observer.call('SET', 'xx', '1');
  await queue(t, client, 'INCR xx');
  const reply = caller.text('FCALL', 'setAndSpin', '0');
  await runs(observer, 'setAndSpin');
  t.regex(await client.text('EXEC'), /^-EXECABORT .*BUSY/);
  await observer.call('FUNCTION', 'KILL');
  await reply;
  t.is(await observer.text('GET', 'xx'), '$1\r\n1\r\n');
  t.is(await client.text('EXEC'), '-ERR EXEC without MULTI\r\n');
});

/** What a function does to the watched key `7`, a number at first, and whether that is a change. */
const watched: Readonly<Record<string, { call: string; touches: boolean }>> = {
  'HTSet': { call: 'set 1 7', touches: true },
  'HTSet in optimised code': { call: 'setOften 1 7', touches: true },
  'HTAdd in optimised code': { call: 'addOften 1 7', touches: true },
  'HTDelete in optimised code': { call: 'deleteOften 1 7', touches: true },
  'a function that throws': { call: 'setAndThrow 1 7', touches: false },
  'a function that throws after optimised writes': { call: 'setOftenAndThrow 1 7', touches: false },
  'writes of other keys': { call: 'setOthersOften 1 7', touches: false },
  'a function that only reads': { call: 'get 1 7', touches: false },
};

for (const [title, { call, touches }] of Object.entries(watched)) {
  for (const how of ['a call', 'a transaction'] as const) {
    test.serial(
      `WATCH: ${title}, in ${how}, ${touches ? 'touches' : 'does not touch'}`,
      async (t) => {
        const [client, other] = [await clientFor(t), await clientFor(t)];
        for (const key of ['7', 'word']) {
          // The first round has the functions compiled.
          for (let round = 0; round < 2; round++) {
            await other.call('SET', key, '5');
            t.is(await client.text('WATCH', key), '+OK\r\n');
            const request = ['FCALL', ...call.replace(/7$/, key).split(' ')];
            if (how === 'a call') {
              await other.call(...request);
            } else {
              await queue(t, other, request.join(' '));
              t.regex(await other.text('EXEC'), /^\*1\r\n/);
            }
            await queue(t, client, 'PING');
            t.is(await client.text('EXEC'), touches ? '*-1\r\n' : '*1\r\n+PONG\r\n', key);
          }
        }
      },
    );
  }
}

test.serial("WATCH: the own transaction's function does not touch", async (t) => {
  const client = await clientFor(t);
  await client.call('WATCH', 'k');
  await queue(t, client, 'FCALL set 1 k', 'FCALL set 1 k');
  t.is(await client.text('EXEC'), '*2\r\n$3\r\nset\r\n$3\r\nset\r\n');
});
