// Functions while they run: their deadline, FUNCTION KILL and STATS, and who waits for whom.
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { eventually } from './support/eventually.ts';
import { shardPids } from './support/processes.ts';
import { RawClient } from './support/resp.ts';
import { ONE_SHARD, serverFor, startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';
import { ALICE, BOB, twoTenants } from './support/tenants.ts';

interface Context {
  /** Functions have 50 ms of CPU time, libraries 500 to load, and both have time to wait for it. */
  strict: Server;
  /** Functions have as long as the tests: they end by FUNCTION KILL. */
  patient: Server;
}

const test = anyTest as TestFn<Context>;

const LIBRARY = [
  '#!js name=running',
  'import { HTDelete, HTGet, HTLength, HTSet } from "shredder:store";',
  'const bytes = (length) => new Uint8Array(length).fill(120);',
  'function spoil() {',
  '  HTSet("changed", bytes(9));',
  '  HTSet("grown", bytes(5000));',
  '  HTDelete("deleted");',
  '  HTSet("expiring", bytes(1));',
  '  HTSet("new", bytes(100));',
  '  for (let i = 0; i < 200; i++) HTSet(`new:${i}`, bytes(i));',
  '  for (let i = 0; i < 100; i++) HTDelete(`new:${i}`);',
  '}',
  'export function writeAndSpin() { spoil(); for (;;); }',
  'export function writeAndThrow() { spoil(); throw new Error("after writing"); }',
  'export async function writeAndReject() { spoil(); await null; throw new Error("after writing"); }',
  'export async function writeAndHang() { spoil(); await new Promise(() => {}); }',
  'export function writeAndReturnNothingSendable() { spoil(); return Symbol("no reply"); }',
  'export function spin() { for (;;); }',
  // About as long as it is told: the clock stands still.
  'export function work(keys, [ms]) { let x = 0; for (let i = ms * 1e6; i > 0; i--) x = (x * 31 + i) | 0; return x === 0.5 ? x : "done"; }',
  'export function spinAndCatch() { for (;;) { try { for (;;); } catch {} } }',
  'export function spinInFinally() { try { for (;;); } finally { for (;;); } }',
  'export async function spinInMicrotasks() { for (;;) await null; }',
  'export function leaveMicrotasks() { const again = () => Promise.resolve().then(again); again(); return "left"; }',
  'export function spinInResult() { return { get field() { for (;;); } }; }',
  'export function spinInProxy() { return new Proxy({}, { ownKeys() { for (;;); } }); }',
  'export function spinInError() { throw { toString() { for (;;); } }; }',
  'export function spinInMessage() { throw Object.defineProperty(new Error("x"), "message", { get() { for (;;); } }); }',
  'export function spinInRegExp() { return /^(a+)+$/.test("a".repeat(60) + "b"); }',
  'export function spinInSort() { [3, 1, 2].sort(() => { for (;;); }); }',
  'export function spinInStore() { for (;;) HTLength("changed"); }',
  'spinInStore.flags = ["no-writes"];',
  'export function count() { return BigInt(HTLength("changed")); }',
  'count.flags = ["no-writes"];',
].join('\n');

const KEPT = [
  ['SET', 'changed', 'old'],
  ['SET', 'grown', 'old'],
  ['SET', 'deleted', 'old'],
  ['SET', 'expiring', 'old', 'PXAT', '4102444800000'],
] as const;

test.before(async (t) => {
  t.context.strict = await startServer({
    config: twoTenants({
      server: [
        'deadline-ms = 50',
        'wall-deadline-ms = 600000',
        'load-deadline-ms = 500',
        'load-wall-deadline-ms = 600000',
      ],
    }),
    ownDeadlines: true,
  });
  t.context.patient = await startServer({
    config: twoTenants({ server: ['deadline-ms = 600000', 'busy-reply-ms = 3600000'] }),
    flags: ONE_SHARD,
    ownDeadlines: true,
  });
  for (const server of [t.context.strict, t.context.patient]) {
    for (const tenant of [ALICE, BOB]) {
      const client = await RawClient.connect(server);
      await client.call('AUTH', tenant.name, tenant.password);
      t.is(await client.text('FUNCTION', 'LOAD', LIBRARY), '$7\r\nrunning\r\n');
      await client.close();
    }
  }
});

test.after.always(async (t) => {
  await stopsWell(t, t.context.strict, t.context.patient);
});

async function clientFor(
  t: ExecutionContext<Context>,
  server: Server,
  tenant: typeof ALICE,
): Promise<RawClient> {
  const client = await RawClient.connect(server);
  t.teardown(() => client.close());
  t.is(await client.text('AUTH', tenant.name, tenant.password), '+OK\r\n');
  return client;
}

/** What the tenant's store holds, in full. */
async function contents(client: RawClient): Promise<string> {
  const keys = ['changed', 'grown', 'deleted', 'expiring', 'new', 'new:0', 'new:150'];
  return (
    (await client.text('DBSIZE')) +
    (await client.text('MGET', ...keys)) +
    (await client.text('PEXPIRETIME', 'expiring')) +
    (await client.text('TTL', 'changed'))
  );
}

/** Starts a function whose reply is awaited later; returns once it runs. */
async function start(
  caller: RawClient,
  observer: RawClient,
  ...command: string[]
): Promise<{ reply: Promise<string> }> {
  const reply = caller.text(...command);
  // Whoever awaits the reply gets its failure; until then it is nobody's.
  reply.catch(() => undefined);
  await eventually(
    'the function runs',
    async () =>
      !/^\*4\r\n\$14\r\nrunning_script\r\n\$-1/.test(await observer.text('FUNCTION', 'STATS')),
  );
  return { reply };
}

const endings: Readonly<Record<string, RegExp>> = {
  writeAndThrow: /^-ERR Error: after writing at running:14:\d+\r\n$/,
  writeAndReject: /^-ERR Error: after writing at running:15:\d+\r\n$/,
  writeAndHang: /^-ERR function waits for a promise that nothing settles\r\n$/,
  writeAndReturnNothingSendable: /^-ERR TypeError: a function or a symbol cannot be a reply.*\r\n$/,
};

/** Calls a function that writes and fails: its error is as expected, and its writes are undone. */
async function leavesNoTrace(
  t: ExecutionContext<Context>,
  client: RawClient,
  name: string,
  expected: RegExp,
): Promise<void> {
  await client.pipeline([['FLUSHALL'], ...KEPT]);
  const before = await contents(client);
  t.regex(await client.text('FCALL', name, '0'), expected);
  t.is(await contents(client), before);
  t.is(await client.text('KEYS', 'new*'), '*0\r\n');
  t.is(await client.text('FCALL_RO', 'count', '0'), ':3\r\n');
}

test.serial('writeAndSpin: its writes are undone, and its caller is told', async (t) => {
  await leavesNoTrace(
    t,
    await clientFor(t, t.context.strict, ALICE),
    'writeAndSpin',
    /^-ERR function was terminated after its deadline of 50 ms of CPU time, its writes are undone\r\n$/,
  );
});

for (const [name, expected] of Object.entries(endings)) {
  test.serial(`${name}: its writes are undone, and its caller is told`, async (t) => {
    await leavesNoTrace(t, await clientFor(t, t.context.patient, ALICE), name, expected);
  });
}

for (const name of [
  'spin',
  'spinAndCatch',
  'spinInFinally',
  'spinInMicrotasks',
  'leaveMicrotasks',
  'spinInResult',
  'spinInProxy',
  'spinInRegExp',
  'spinInSort',
  'spinInStore',
]) {
  test.serial(
    `${name} ends at its deadline, and the next invocation is none the worse`,
    async (t) => {
      const client = await clientFor(t, t.context.strict, ALICE);
      await client.pipeline([['FLUSHALL'], ...KEPT]);
      for (let i = 0; i < 3; i++) {
        const begun = performance.now();
        t.regex(
          await client.text('FCALL', name, '0'),
          /^-ERR function was terminated after its deadline of 50 ms of CPU time/,
        );
        // The clocks of CPU time and of wall time need not tick alike.
        const elapsed = performance.now() - begun;
        t.true(elapsed >= 49, `${elapsed} ms`);
        t.is(await client.text('FCALL', 'count', '0'), ':3\r\n');
      }
    },
  );
}

for (const name of ['spinInError', 'spinInMessage']) {
  test.serial(
    `${name}: an exception is described without running the tenant's code for ever`,
    async (t) => {
      // It would run for longer than the test waits.
      const client = await clientFor(t, t.context.patient, ALICE);
      t.regex(await client.text('FCALL', name, '0'), /^-ERR [^\r\n]+\r\n$/);
      t.is(await client.text('PING'), '+PONG\r\n');
    },
  );
}

test.serial('while a function runs, the other tenant reads and writes', async (t) => {
  const server = t.context.patient;
  const caller = await clientFor(t, server, ALICE);
  const alice = await clientFor(t, server, ALICE);
  const bob = await clientFor(t, server, BOB);
  await alice.pipeline([['FLUSHALL'], ...KEPT]);
  const { reply } = await start(caller, alice, 'FCALL', 'writeAndSpin', '0');
  for (let i = 0; i < 100; i++) {
    t.is(await bob.text('SET', 'key', String(i)), '+OK\r\n');
    t.is(await bob.text('GET', 'key'), `$${String(i).length}\r\n${i}\r\n`);
  }
  t.regex(await bob.text('FUNCTION', 'STATS'), /^\*4\r\n\$14\r\nrunning_script\r\n\$-1\r\n/);
  t.is(await bob.text('FUNCTION', 'KILL'), '-NOTBUSY No scripts in execution right now.\r\n');
  // A connection that comes now is served too.
  const late = await clientFor(t, server, BOB);
  t.is(await late.text('GET', 'key'), '$2\r\n99\r\n');
  t.is(await alice.text('FUNCTION', 'KILL'), '+OK\r\n');
  t.is(await reply, '-ERR function was killed by FUNCTION KILL, its writes are undone\r\n');
  t.is(await alice.text('GET', 'changed'), '$3\r\nold\r\n');
});

test.serial(
  'FUNCTION STATS names the running function, its command and how long it has run',
  async (t) => {
    const server = t.context.patient;
    const caller = await clientFor(t, server, ALICE);
    const alice = await clientFor(t, server, ALICE);
    const { reply } = await start(caller, alice, 'FCALL', 'spin', '1', 'some-key', 'some-argument');
    const form =
      /^\*4\r\n\$14\r\nrunning_script\r\n\*6\r\n\$4\r\nname\r\n\$4\r\nspin\r\n\$7\r\ncommand\r\n\*5\r\n\$5\r\nFCALL\r\n\$4\r\nspin\r\n\$1\r\n1\r\n\$8\r\nsome-key\r\n\$13\r\nsome-argument\r\n\$11\r\nduration_ms\r\n:(\d+)\r\n\$7\r\nengines\r\n\*4\r\n\$2\r\njs\r\n\*4\r\n\$15\r\nlibraries_count\r\n:1\r\n\$15\r\nfunctions_count\r\n:\d+\r\n\$4\r\nwasm\r\n\*4\r\n\$15\r\nlibraries_count\r\n:0\r\n\$15\r\nfunctions_count\r\n:0\r\n$/;
    const duration = async (): Promise<number> => {
      const stats = await alice.text('FUNCTION', 'STATS');
      t.regex(stats, form);
      return Number(form.exec(stats)?.[1]);
    };
    const first = await duration();
    await eventually('its time goes on', async () => (await duration()) > first + 10);
    t.is(await alice.text('FUNCTION', 'KILL'), '+OK\r\n');
    t.regex(await reply, /killed/);
    t.regex(await alice.text('FUNCTION', 'STATS'), /^\*4\r\n\$14\r\nrunning_script\r\n\$-1\r\n/);
    t.is(await alice.text('FUNCTION', 'KILL'), '-NOTBUSY No scripts in execution right now.\r\n');
  },
);

test.serial(
  "while a function runs, its tenant's connections are served, its data waits",
  async (t) => {
    const server = t.context.patient;
    const caller = await clientFor(t, server, ALICE);
    const alice = await clientFor(t, server, ALICE);
    const waiting = await clientFor(t, server, ALICE);
    const bob = await clientFor(t, server, BOB);
    await alice.pipeline([['FLUSHALL'], ...KEPT]);
    const { reply } = await start(caller, alice, 'FCALL', 'writeAndSpin', '0');
    const value = waiting.text('GET', 'changed');
    // What follows on the same connection waits its turn.
    const pong = waiting.text('PING');
    const bobsCall = bob.text('FCALL', 'count', '0');
    for (const [request, expected] of [
      [['PING'], /^\+PONG/],
      [['SELECT', '0'], /^\+OK/],
      [['CLIENT', 'SETNAME', 'observer'], /^\+OK/],
      [['CLIENT', 'LIST'], /cmd=fcall/],
      [['HELLO', '2'], /^\*14/],
      [['AUTH', ALICE.name, ALICE.password], /^\+OK/],
    ] as const) {
      t.regex(await alice.text(...request), expected);
    }
    t.is(waiting.pending + bob.pending, 0);
    t.is(await alice.text('FUNCTION', 'KILL'), '+OK\r\n');
    t.regex(await reply, /killed/);
    t.is(await value, '$3\r\nold\r\n');
    t.is(await pong, '+PONG\r\n');
    t.is(await bobsCall, ':-1\r\n');
  },
);

test.serial('BUSY comes once a function has run long, and to its own tenant alone', async (t) => {
  const server = await serverFor(t, {
    config: twoTenants({ server: ['busy-reply-ms = 100'] }),
  });
  const caller = await clientFor(t, server, ALICE);
  const alice = await clientFor(t, server, ALICE);
  const bob = await clientFor(t, server, BOB);
  await alice.call('FUNCTION', 'LOAD', LIBRARY);
  await alice.call('SET', 'changed', 'old');
  const { reply } = await start(caller, alice, 'FCALL', 'spin', '0');
  const early = await clientFor(t, server, ALICE);
  const busy = '-BUSY Shredder is busy running a function. You can only call FUNCTION KILL.\r\n';
  t.is(await early.text('GET', 'changed'), busy);
  t.is(await early.text('FCALL', 'count', '0'), busy);
  t.is(await early.text('PING'), '+PONG\r\n');
  t.is(await bob.text('GET', 'changed'), '$-1\r\n');
  t.is(await alice.text('FUNCTION', 'KILL'), '+OK\r\n');
  t.regex(await reply, /killed/);
  t.is(await early.text('GET', 'changed'), '$3\r\nold\r\n');
});

test.serial('a caller that leaves takes nothing with it', async (t) => {
  const server = t.context.patient;
  const caller = await clientFor(t, server, ALICE);
  const alice = await clientFor(t, server, ALICE);
  await alice.pipeline([['FLUSHALL'], ...KEPT]);
  const { reply } = await start(caller, alice, 'FCALL', 'writeAndSpin', '0');
  await caller.close();
  await t.throwsAsync(reply);
  t.is(await alice.text('PING'), '+PONG\r\n');
  // Whether the function has ended with its caller is not promised; that it can be ended is.
  t.regex(await alice.text('FUNCTION', 'KILL'), /^(\+OK|-NOTBUSY)/);
  t.is(await alice.text('GET', 'changed'), '$3\r\nold\r\n');
  t.is(await alice.text('FCALL', 'count', '0'), ':3\r\n');
});

test.serial('the caller can be killed by CLIENT KILL while its function runs', async (t) => {
  const server = t.context.patient;
  const caller = await clientFor(t, server, ALICE);
  const alice = await clientFor(t, server, ALICE);
  const id = /^:(\d+)/.exec(await caller.text('CLIENT', 'ID'))?.[1] ?? '';
  const { reply } = await start(caller, alice, 'FCALL', 'spin', '0');
  t.is(await alice.text('CLIENT', 'KILL', 'ID', id), ':1\r\n');
  t.regex(await alice.text('FUNCTION', 'KILL'), /^(\+OK|-NOTBUSY)/);
  await caller.closed;
  await reply.catch(() => undefined);
  t.is(await alice.text('FCALL', 'count', '0'), ':3\r\n');
});

test.serial('one who waits for a running function may leave', async (t) => {
  const server = t.context.patient;
  const caller = await clientFor(t, server, ALICE);
  const alice = await clientFor(t, server, ALICE);
  const { reply } = await start(caller, alice, 'FCALL', 'spin', '0');
  const leaving = await clientFor(t, server, ALICE);
  const value = leaving.text('GET', 'changed');
  const leavingBob = await clientFor(t, server, BOB);
  const call = leavingBob.text('FCALL', 'count', '0');
  // By the answer to a later request, theirs have been read.
  await alice.text('PING');
  await Promise.all([leaving.close(), leavingBob.close()]);
  await Promise.all([t.throwsAsync(value), t.throwsAsync(call)]);
  await alice.text('PING');
  t.is(await alice.text('FUNCTION', 'KILL'), '+OK\r\n');
  t.regex(await reply, /killed/);
  t.is(await alice.text('FCALL', 'count', '0'), ':3\r\n');
});

const KILLED_CALLS = 60;
const MAX_ROUNDS = 50;

test.serial('FUNCTION KILL ends the function that it was answered for, and no other', async (t) => {
  const server = t.context.patient;
  const [caller, killer] = [await clientFor(t, server, BOB), await clientFor(t, server, BOB)];
  let killed = 0;
  // Until a call has been killed: where the machine is slow, all may be over before a kill comes.
  for (let round = 0; round < MAX_ROUNDS && killed === 0; round++) {
    // Calls that end about when a kill can reach them.
    const replies = caller.pipeline(
      Array.from({ length: KILLED_CALLS }, (_, i) => ['FCALL', 'work', '0', String(3 + (i % 10))]),
    );
    let done = false;
    void replies.finally(() => (done = true));
    let accepted = 0;
    while (!done) {
      const answer = await killer.text('FUNCTION', 'KILL');
      t.regex(answer, /^(\+OK|-NOTBUSY )/);
      if (answer === '+OK\r\n') accepted++;
    }
    const texts = (await replies).map(String);
    killed = texts.filter((text) => text.startsWith('-ERR function was killed')).length;
    // A second KILL may be answered before the first has had its effect.
    t.true(killed <= accepted, `${killed} killed by ${accepted}`);
    t.is(texts.filter((text) => text === '$4\r\ndone\r\n').length, KILLED_CALLS - killed);
  }
  t.true(killed > 0);
});

test.serial('time stands still for a function: a key does not expire while it runs', async (t) => {
  const client = await clientFor(t, t.context.patient, ALICE);
  t.is(
    await client.text(
      'FUNCTION',
      'LOAD',
      'REPLACE',
      [
        '#!js name=clock',
        'import { HTHas, HTLength } from "shredder:store";',
        'export const watch = () => {',
        '  const seen = new Set();',
        '  // Takes some 100 ms and more.',
        '  for (let i = 0; i < 1e6; i++) seen.add(`${HTHas("brief")} ${HTLength("brief")}`);',
        '  return [...seen];',
        '};',
      ].join('\n'),
    ),
    '$5\r\nclock\r\n',
  );
  const [, watched, after] = await client.pipeline([
    ['SET', 'brief', 'value', 'PX', '30'],
    ['FCALL', 'watch', '0'],
    ['EXISTS', 'brief'],
  ]);
  // Where the machine is slow it may have expired before; never in between.
  t.regex(String(watched), /^\*1\r\n\$\d+\r\n(true 5|false -1)\r\n$/);
  t.is(String(after), ':0\r\n');
  t.is(await client.text('FUNCTION', 'DELETE', 'clock'), '+OK\r\n');
});

test.serial('a tenant may have a deadline of its own', async (t) => {
  const wall = 'wall-deadline-ms = 600000';
  const server = await serverFor(t, {
    config: twoTenants({ server: ['deadline-ms = 50', wall], alice: ['deadline-ms = 120', wall] }),
    ownDeadlines: true,
  });
  for (const [tenant, limit] of [
    [ALICE, 120],
    [BOB, 50],
  ] as const) {
    const client = await clientFor(t, server, tenant);
    await client.call('FUNCTION', 'LOAD', LIBRARY);
    t.regex(
      await client.text('FCALL', 'spin', '0'),
      new RegExp(`after its deadline of ${limit} ms of CPU time`),
    );
  }
});

const STOPPED_MS = 1_200;
const MAX_STOPS = 20;

test.serial('a function whose server gets no processor is ended by its wall time', async (t) => {
  const server = await serverFor(t, {
    config: twoTenants({
      // A shard that is stopped is silent, and is to stay all the same.
      server: ['shard-silence-ms = 60000'],
      alice: ['deadline-ms = 1000', 'wall-deadline-ms = 1000'],
    }),
  });
  const [caller, alice] = [await clientFor(t, server, ALICE), await clientFor(t, server, ALICE)];
  const processes = [server.pid, ...(await shardPids(server))];
  await caller.call('FUNCTION', 'LOAD', LIBRARY);
  let reply = '';
  // Once more where the server stopped before the function, or so late that it had its CPU time.
  for (let stops = 0; stops < MAX_STOPS && !reply.includes('wall'); stops++) {
    const call = caller.text('FCALL', 'spin', '0');
    // When this is answered, the server has most likely begun with the call.
    await alice.text('FUNCTION', 'STATS');
    for (const pid of processes) process.kill(pid, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, STOPPED_MS));
    for (const pid of processes) process.kill(pid, 'SIGCONT');
    reply = await call;
  }
  t.is(
    reply,
    '-ERR function was terminated after its deadline of 1000 ms of wall time, its writes are undone\r\n',
  );
});

test.serial(
  'a library that does not end loading is terminated, and what was loaded stays',
  async (t) => {
    const client = await clientFor(t, t.context.strict, ALICE);
    t.regex(
      await client.text(
        'FUNCTION',
        'LOAD',
        'REPLACE',
        '#!js name=running\nexport const f = () => 1; for (;;);',
      ),
      /^-ERR library was terminated after its deadline of 500 ms of CPU time\r\n$/,
    );
    t.regex(
      await client.text(
        'FUNCTION',
        'LOAD',
        '#!js name=other\nawait (async () => { for (;;) await null; })();',
      ),
      /^-ERR /,
    );
    t.regex(await client.text('FUNCTION', 'LIST'), /running/);
    t.notRegex(await client.text('FUNCTION', 'LIST'), /other/);
    t.regex(await client.text('FCALL', 'count', '0'), /^:/);
  },
);

test.serial('functions of many callers run one after the other, each to its end', async (t) => {
  const client = await clientFor(t, t.context.patient, ALICE);
  await client.pipeline([['FLUSHALL'], ['SET', 'counter', '\0\0\0\0']]);
  const code = [
    '#!js name=counting',
    'import { HTGetUint32, HTSet } from "shredder:store";',
    'export async function increment() {',
    '  const value = HTGetUint32("counter", 0);',
    '  await null;',
    '  HTSet("counter", Uint32Array.of(value + 1));',
    '  await null;',
    '  return BigInt(value);',
    '}',
  ].join('\n');
  t.is(await client.text('FUNCTION', 'LOAD', 'REPLACE', code), '$8\r\ncounting\r\n');
  const clients = await Promise.all(
    Array.from({ length: 10 }, () => clientFor(t, t.context.patient, ALICE)),
  );
  const replies = await Promise.all(
    clients.map((each) =>
      each.pipeline(Array.from({ length: 100 }, () => ['FCALL', 'increment', '0'])),
    ),
  );
  const seen = replies.flat().map((reply) => Number(reply.toString().slice(1)));
  t.deepEqual(
    seen.sort((a, b) => a - b),
    Array.from({ length: 1_000 }, (_, i) => i),
  );
  t.is(await client.text('FUNCTION', 'DELETE', 'counting'), '+OK\r\n');
});
