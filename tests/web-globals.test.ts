// The web's basics in the store, beside Node's own, and the log that the console writes.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import anyTest, { type TestFn } from 'ava';
import { Redis } from 'ioredis';
import 'shredder-functions/register';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import { startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';
import { WEB_SCENARIOS } from './fixtures/web_scenarios.ts';

interface LogLine {
  id: number;
  time: number;
  level: string;
  function: string;
  place: string;
  message: string;
}

const test = anyTest as TestFn;
const FIXTURE = fileURLToPath(new URL('fixtures/web_scenarios.ts', import.meta.url));
let server: Server;
let client: Redis<'resp3'>;

test.before(async () => {
  server = await startServer({});
  client = new Redis({ port: server.port, protocol: 3, replyMapping: 'resp3' });
  await client.call('FUNCTION', ['LOAD', await bundleLibrary(FIXTURE, 'web')]);
});

test.after.always(async (t) => {
  client.disconnect();
  await stopsWell(t, server);
});

/** The lines of the log from the last one before on. */
async function logged(work: () => Promise<unknown>): Promise<LogLine[]> {
  const before = (await client.call('FUNCTION', ['LOG'])) as LogLine[];
  await work();
  const since = before.at(-1)?.id ?? 0;
  return (await client.call('FUNCTION', ['LOG', 'SINCE', since])) as LogLine[];
}

/** What a client receives: text as it is, the rest as JSON has it. */
const received = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null)) as unknown;

WEB_SCENARIOS.forEach(({ title, run }, index) => {
  test.serial(title, async (t) => {
    // A lone surrogate is U+FFFD on the wire.
    const expected = received(await run()) as unknown;
    t.deepEqual(received(await client.call('FCALL', ['web', 0, index])), expected);
  });
});

test.serial('the types of the globals are those of the globals that there are', async (t) => {
  await client.call('FUNCTION', [
    'LOAD',
    '#!js name=names\nexport const names = () => Object.getOwnPropertyNames(globalThis);',
  ]);
  const names = (await client.call('FCALL', ['names', 0])) as string[];
  const language = new Set(
    vm.runInNewContext('Object.getOwnPropertyNames(globalThis)') as string[],
  );
  // V8's own, in place of which there is another.
  language.delete('console');
  const types = await readFile(
    new URL('../ts-functions/src/globals.d.ts', import.meta.url),
    'utf8',
  );
  const declared = [...types.matchAll(/^declare (?:abstract )?(?:class|const|function) (\w+)/gm)];
  t.deepEqual(
    declared.map(([, name]) => name!).sort(),
    names.filter((name) => !language.has(name)).sort(),
  );
});

// Node 20 takes all of them.
test.serial('a domain breaks no rule of directions or of encoded labels', async (t) => {
  await client.call('FUNCTION', [
    'LOAD',
    "#!js name=domains\nexport const domains = (_, all) => all.filter((each) => URL.canParse('http://' + each));",
  ]);
  const broken = ['aא', '1א', 'א.1a', '٠א', '٠١', 'xn--xn---epa', 'xn--a-', 'xn--abc-'];
  const whole = ['א', 'א1', 'א.a1', 'a.b', 'xn--4db', 'a--b', '-a-'];
  t.deepEqual(await client.call('FCALL', ['domains', 0, ...broken, ...whole]), whole);
});

test.serial('latin1 is windows-1252, as the standard has it', async (t) => {
  await client.call('FUNCTION', [
    'LOAD',
    "#!js name=latin\nexport const latin = () => new TextDecoder('latin1').decode(Uint8Array.of(0x80, 0x9f, 0xe9));",
  ]);
  t.is(await client.call('FCALL', ['latin', 0]), '€Ÿé');
});

test.serial(
  'what the console writes is in the log, with its function, level, time and place',
  async (t) => {
    const lines = await logged(() => client.call('FCALL', ['speak', 0]));
    const file = path.basename(FIXTURE);
    t.deepEqual(
      lines.map(({ level, message }) => `${level}: ${message.split('\n')[0]}`),
      [
        'log: plain 1 -0 2n true null undefined text',
        'info: { a: [ 1, "x" ], m: Map(1) { 1 => { b: 2 } }, s: Set(1) { "y" }, f: [function speak], d: 1970-01-01T00:00:00.000Z }',
        'warn: it is 1.5 of 7, {"x":1} and [ 1 ]% more',
        'error: TypeError: wrong',
        'log: outer',
        'debug:   inner',
        'error: Assertion failed: sums',
        'info: default: 1',
        'info: default: 2',
        'log: { name: "c", self: [circular] }',
      ],
    );
    t.is(lines[5]!.message, '  inner\n  line');
    t.true(
      lines.every((line) => line.function === 'speak' && Math.abs(line.time - Date.now()) < 60_000),
    );
    t.true(
      lines.every((line) => new RegExp(`^${file}:\\d+:\\d+$`).test(line.place)),
      lines[0]!.place,
    );
    t.deepEqual(
      lines.map((line) => line.id),
      lines.map((_, i) => lines[0]!.id + i),
    );
  },
);

test.serial('what a call has written stays in the log where the call fails', async (t) => {
  const lines = await logged(() =>
    t.throwsAsync(client.call('FCALL', ['speak', 0, 'fail']), { message: /after speaking/ }),
  );
  t.is(lines.length, 11);
  // What it has thrown is the last of them.
  const { level, message, place } = lines.at(-1)!;
  t.is(level, 'error');
  t.regex(message, /^\w*Error: after speaking\n {4}at speak \(/);
  t.true(message.includes(`(${place.replace(/:\d+$/, '')}:`));
});

test.serial(
  'FUNCTION LOG gives so many lines, the oldest first, and refuses what is no option',
  async (t) => {
    const [first] = await logged(() => client.call('FCALL', ['chatter', 0, 5, 3]));
    const read = async (...options: (string | number)[]): Promise<number[]> =>
      ((await client.call('FUNCTION', ['LOG', ...options])) as LogLine[]).map((line) => line.id);
    const { id } = first!;
    t.deepEqual(await read('SINCE', id - 1, 'COUNT', 2), [id, id + 1]);
    t.deepEqual(await read('count', 1, 'since', id + 3), [id + 4]);
    t.deepEqual(await read('SINCE', id + 4), []);
    t.deepEqual(await read('COUNT', 0), []);
    for (const options of [['SINCE'], ['SINCE', 'x'], ['COUNT', -1]]) {
      await t.throwsAsync(read(...options), { message: /not an integer or out of range/ });
    }
    await t.throwsAsync(read('LAST', 1), { message: /Unknown argument LAST/ });
  },
);

test.serial('the log keeps the last lines, however many and long they are', async (t) => {
  await client.call('FCALL', ['chatter', 0, 1_500, 3]);
  const many = (await client.call('FUNCTION', ['LOG'])) as LogLine[];
  t.is(many.length, 1_000);
  await client.call('FCALL', ['chatter', 0, 100, 20_000]);
  const long = (await client.call('FUNCTION', ['LOG'])) as LogLine[];
  const bytes = long.reduce((sum, line) => sum + line.message.length, 0);
  t.true(bytes <= 256 * 1024 && bytes > 200 * 1024, `${bytes} bytes`);
  t.true(long.every((line) => line.message.length <= 8_192 + 3));
  t.is(long.at(-1)!.id, many.at(-1)!.id + 100);
});
