// A hostile tenant's functions: endless loops, and one-liners that are huge, deep or re-entrant.
// Each caller gets its error, or a closed connection where the function has ended its shard; the
// tenants beside it lose nothing that was acknowledged.
//
//   SHREDDER_TEST_HOSTILE_CALLS=N   so many calls of each one-liner; else one of a third of them
//   SHREDDER_TEST_HOSTILE_LOOPS=N   so many calls of each loop; else one
//   SHREDDER_TEST_TIMES=1           asserts times, too: for a machine that is known
//   SHREDDER_TEST_SEED=N            another third of them, other load
import test, { type ExecutionContext } from 'ava';
import { eventually } from './support/eventually.ts';
import { Attacker, type Ending } from './support/hostile/attacker.ts';
import { LatencyProbe } from './support/hostile/latency_probe.ts';
import { LOOPS, ONE_LINERS, type Shape } from './support/hostile/shapes.ts';
import { settledTreeBytes, treeBytes } from './support/process_figures.ts';
import { RawClient } from './support/resp.ts';
import { randomFrom, testSeed } from './support/seed.ts';
import { serverFor, type Server } from './support/server.ts';
import type { Credentials } from './support/steady_client.ts';
import { SHORT_LIFE_MS, TenantLoad } from './support/tenant_load.ts';

const ONE_LINER_CALLS = process.env['SHREDDER_TEST_HOSTILE_CALLS'];
const LOOP_CALLS = Number(process.env['SHREDDER_TEST_HOSTILE_LOOPS'] ?? 1);
const ASSERTS_TIMES = process.env['SHREDDER_TEST_TIMES'] === '1';
/** Where none are asked for, one of so many. */
const SAMPLE = 3;

const DEADLINE_MS = 50;
const GRACE_MS = 250;
const IDLE_AFTER_MS = 500;
/** How long others are measured alone. */
const ALONE_MS = ASSERTS_TIMES ? 30_000 : 2_000;
const MAX_GROWTH = 1.1;
/**
 * ICU's caches of the languages that were asked for, the tenant's log, and what the C library keeps
 * of freed memory between pieces that live.
 */
const KEPT_BYTES = 6 << 20;
const MAX_SLOWDOWN = 2;

const ADMIN: Credentials = { name: 'admin', password: 'password-of-admin' };
const HOSTILE: Credentials = { name: 'hostile', password: 'password-of-hostile' };
const NEIGHBOUR: Credentials = { name: 'neighbour', password: 'password-of-neighbour' };
const QUIET: Credentials = { name: 'quiet', password: 'password-of-quiet' };

const CONFIG = `[server]
shards = 2
idle-after-ms = ${IDLE_AFTER_MS}
${[NEIGHBOUR, QUIET, HOSTILE]
  .map(({ name, password }) =>
    ['[[tenant]]', `name = "${name}"`, `password = "${password}"`, 'memory = "64mb"'].join('\n'),
  )
  .join('\n')}
deadline-ms = ${DEADLINE_MS}
[[tenant]]
name = "${ADMIN.name}"
password = "${ADMIN.password}"
admin = true
`;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Sends the requests as a tenant. */
async function ask(server: Server, tenant: Credentials, ...requests: string[][]): Promise<string> {
  const connection = await RawClient.connect(server);
  try {
    const replies = await connection.pipeline([
      ['AUTH', tenant.name, tenant.password],
      ...requests,
    ]);
    return replies.join('');
  } finally {
    await connection.close();
  }
}

const move = (server: Server, tenant: Credentials, shard: number): Promise<string> =>
  ask(server, ADMIN, ['TENANT', 'MOVE', tenant.name, String(shard)]);

/** The load of the tenants beside the hostile one. */
class Bystanders {
  readonly neighbour: TenantLoad;
  readonly quiet: TenantLoad;
  private readonly running: Promise<unknown>;

  private constructor(
    private readonly server: Server,
    private readonly loads: readonly [TenantLoad, TenantLoad],
  ) {
    [this.neighbour, this.quiet] = loads;
    this.running = Promise.all(loads.map((load) => load.run()));
    // `finish` tells.
    this.running.catch(() => undefined);
  }

  static async start(server: Server): Promise<Bystanders> {
    const random = randomFrom(testSeed());
    const neighbour = new TenantLoad(server, NEIGHBOUR, random);
    const quiet = new TenantLoad(server, QUIET, random);
    await neighbour.open();
    await quiet.open();
    return new Bystanders(server, [neighbour, quiet]);
  }

  /** Throws where something acknowledged is lost; leaves the tenants empty. */
  async finish(): Promise<void> {
    for (const load of this.loads) load.stop();
    await this.running;
    await sleep(SHORT_LIFE_MS);
    for (const load of this.loads) await load.check();
    for (const tenant of [NEIGHBOUR, QUIET]) {
      await ask(this.server, tenant, ['FLUSHALL'], ['FUNCTION', 'FLUSH']);
    }
  }
}

/** The loops, and the one-liners that are asked for, each as often as it is to be called. */
function* attacks(): Generator<Shape> {
  for (const shape of LOOPS) for (let i = 0; i < LOOP_CALLS; i++) yield shape;
  const offset = Math.floor(randomFrom(testSeed())() * SAMPLE);
  const isChosen = (i: number): boolean => ONE_LINER_CALLS !== undefined || i % SAMPLE === offset;
  for (const shape of ONE_LINERS.filter((_, i) => isChosen(i))) {
    for (let i = 0; i < Number(ONE_LINER_CALLS ?? 1); i++) yield shape;
  }
}

/** By how much a call that was answered has passed its deadline, of CPU time of its shard. */
function overrunMs({ cpuMs = 0 }: Ending): number {
  return cpuMs - DEADLINE_MS;
}

function report(t: ExecutionContext, endings: readonly Ending[]): void {
  const count = (how: Ending['how']): number => endings.filter((each) => each.how === how).length;
  const answered = endings.filter(({ how }) => how !== 'closed');
  t.log(
    `${endings.length} calls of ${new Set(endings.map(({ shape }) => shape)).size} shapes: ` +
      `${count('error')} errors, ${count('value')} values, ${count('closed')} closed connections; ` +
      `of CPU time at most ${Math.max(...answered.map(overrunMs)).toFixed(0)} ms beyond the deadline`,
  );
  const ends = new Set(endings.filter(({ how }) => how === 'closed').map(({ shape }) => shape));
  for (const shape of ends) t.log(`ends its shard: ${shape.body}`);
}

test('a hostile tenant gets its errors, and others lose nothing', async (t) => {
  const server = await serverFor(t, { config: CONFIG });
  for (const [tenant, shard] of [
    [HOSTILE, 0],
    [NEIGHBOUR, 0],
    [QUIET, 1],
  ] as const) {
    t.regex(await move(server, tenant, shard), /\+OK\r\n$/);
  }

  // All that stays has been there once, so that only what is left behind is more afterwards.
  const before = await Bystanders.start(server);
  const attacker = new Attacker(server, HOSTILE);
  await attacker.call({ family: 'harmless', body: 'return "x".repeat(100).split("").sort();' });
  await sleep(ALONE_MS);
  await before.finish();
  await attacker.leave();
  await sleep(4 * IDLE_AFTER_MS);
  const bytesBefore = await settledTreeBytes(server);

  const bystanders = await Bystanders.start(server);
  const probe = await LatencyProbe.start(server, QUIET);
  await sleep(ALONE_MS);
  const p99Alone = probe.takeP99();
  const endings: Ending[] = [];
  for (const shape of attacks()) {
    const ending = await attacker.call(shape);
    endings.push(ending);
    if (LOOPS.includes(shape) && ending.how !== 'closed') {
      t.regex(ending.reply, /^-ERR function was terminated after its deadline/, shape.body);
    }
    t.true(await attacker.isServed(shape), shape.body);
  }
  const p99Beside = probe.takeP99();
  await probe.stop();
  report(t, endings);
  t.log(`p99 of the quiet tenant: ${p99Beside.toFixed(2)} ms, alone ${p99Alone.toFixed(2)} ms`);
  await bystanders.finish();
  for (const { acknowledged } of [bystanders.neighbour, bystanders.quiet]) {
    t.true(acknowledged.writes > 0 && acknowledged.calls > 0 && acknowledged.loads > 0);
  }
  t.is(bystanders.quiet.closures, 0, 'the quiet tenant keeps its connections');

  // Where it has ended its shard too often, it has one of its own meanwhile.
  await move(server, HOSTILE, 0);
  await attacker.leave();
  let bytes = NaN;
  try {
    await eventually('the memory of the processes is as before', async () => {
      bytes = await treeBytes(server);
      return bytes <= MAX_GROWTH * bytesBefore + KEPT_BYTES;
    });
  } finally {
    const [mib, mibBefore] = [bytes, bytesBefore].map((each) => (each / 2 ** 20).toFixed(1));
    t.log(`memory of the processes: ${mibBefore} MiB before, ${mib} MiB after`);
  }

  if (ASSERTS_TIMES) {
    const late = endings.filter((each) => overrunMs(each) > GRACE_MS);
    t.deepEqual([...new Set(late.map(({ shape }) => shape.body))], []);
    t.true(p99Beside <= MAX_SLOWDOWN * p99Alone);
  }
  t.is(await server.stop(), 0, server.log());
});
