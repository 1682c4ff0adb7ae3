// shredder functions, logs and call, over a real server.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { readLog, type LogLine } from '../build-scripts/client/log.ts';
import { withClient } from '../build-scripts/client/connection.ts';
import { CHECKOUT, PROGRAM, shredder, type CommandResult } from './support/command_line.ts';
import { temporaryFolder } from './support/folder.ts';
import { shardPids } from './support/processes.ts';
import { RawClient } from './support/resp.ts';
import { runShredder, type RunningCommand } from './support/running_command.ts';
import { ONE_SHARD, startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';

const test = anyTest as TestFn<{ server: Server; client: RawClient }>;

// As deploy makes it of a notes.ts, but for the source map.
const NOTES = [
  '#!js name=notes',
  'export function note(keys, args) { console[args[0]](...args.slice(1)); return args.length; }',
  "note.flags = ['no-writes'];",
  "note.description = 'Says what it is told';",
  'export const fail = () => { throw new RangeError("no more"); };',
  'export const echo = (keys, args) => args;',
].join('\n');

test.beforeEach(async (t) => {
  t.context.server = await startServer({ flags: ONE_SHARD });
  t.context.client = await RawClient.connect(t.context.server);
  await load(t.context.client);
});

test.afterEach.always(async (t) => {
  t.context.client?.close();
  await stopsWell(t, t.context.server);
});

type Context = ExecutionContext<{ server: Server; client: RawClient }>;

async function load(client: RawClient): Promise<void> {
  await client.call('FUNCTION', 'LOAD', 'REPLACE', NOTES);
}

async function note(client: RawClient, level: string, ...what: string[]): Promise<void> {
  await client.call('FCALL', 'note', '0', level, ...what);
}

function run(t: Context, args: readonly string[], cwd = CHECKOUT): Promise<CommandResult> {
  return shredder([...args.slice(0, 1), '--url', t.context.server.url, ...args.slice(1)], { cwd });
}

function follow(t: Context, ...args: string[]): RunningCommand {
  return runShredder(t, ['logs', '--follow', '--url', t.context.server.url, ...args]);
}

test("a tenant's libraries and functions are listed, aligned, or in JSON", async (t) => {
  await t.context.client.call(
    'FUNCTION',
    'LOAD',
    '#!js name=a_first\nexport const f = () => 1; f.description = "two\\nlines\\u001b[31m";',
  );
  const text = await run(t, ['functions']);
  t.is(
    text.stdout,
    [
      'a_first',
      '  f  two lines\\x1b[31m',
      'notes',
      '  echo',
      '  fail',
      '  note  Says what it is told  [no-writes]',
    ].join('\n'),
  );
  const json = await run(t, ['functions', 'notes', '--json']);
  t.deepEqual(JSON.parse(json.stdout), [
    {
      name: 'notes',
      functions: [
        { name: 'echo', description: '', flags: [] },
        { name: 'fail', description: '', flags: [] },
        { name: 'note', description: 'Says what it is told', flags: ['no-writes'] },
      ],
    },
  ]);
  const none = await run(t, ['functions', 'gone']);
  t.is(none.exitCode, 1);
  t.is(none.stdout, '');
  t.regex(none.stderr, /^shredder: tenant default has no library "gone"$/m);
  await t.context.client.call('FUNCTION', 'FLUSH');
  const empty = await run(t, ['functions', '--json']);
  t.is(empty.stdout, '[]');
});

test('the log is printed: all of it, the last lines, those behind an id, of levels, in JSON', async (t) => {
  const { client } = t.context;
  await note(client, 'log', 'first', '\u001b[2J');
  await note(client, 'warn', 'second\nof two lines');
  await note(client, 'error', 'third');
  const text = await run(t, ['logs']);
  const time = String.raw`\d\d:\d\d:\d\d\.\d{3}`;
  t.regex(
    text.stdout,
    new RegExp(
      `^${time}  log    note  .*first \\\\x1b\\[2J\n${time}  warn   note  .*second\n    of two lines\n${time}  error  note  .*third$`,
    ),
  );
  const lines = async (...options: string[]): Promise<LogLine[]> => {
    const { stdout } = await run(t, ['logs', '--json', ...options]);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as LogLine);
  };
  const all = await lines();
  t.deepEqual(
    all.map(({ level, function: name }) => [level, name]),
    [
      ['log', 'note'],
      ['warn', 'note'],
      ['error', 'note'],
    ],
  );
  t.deepEqual(
    await withClient({ url: t.context.server.url, tenant: 'default' }, (each) => readLog(each)),
    all,
  );
  t.deepEqual(await lines('--count', '1'), all.slice(2));
  t.deepEqual(await lines('--since', String(all[0]?.id)), all.slice(1));
  t.deepEqual(await lines('--level', 'log,error'), [all[0], all[2]]);
  t.deepEqual(await lines('--level', 'log,error', '--count', '1'), all.slice(2));
  t.deepEqual(await lines('--count', '0'), []);
  for (const wrong of [
    ['--count', 'x'],
    ['--level', 'loud'],
    ['--since', '-1'],
  ]) {
    t.is((await run(t, ['logs', ...wrong])).exitCode, 1, wrong.join(' '));
  }
});

test('a log is followed, also into that of the shard that comes after, until SIGINT or SIGTERM', async (t) => {
  const { server, client } = t.context;
  await note(client, 'log', 'before');
  await note(client, 'log', 'last before');
  const command = follow(t, '--count', '1');
  await command.prints(/last before\n/);
  t.false(/ {2}before\n/.test(command.output()));
  await note(client, 'log', 'while it follows');
  const seen = await command.prints(/while it follows\n/);
  for (const pid of await shardPids(server)) process.kill(pid, 'SIGKILL');
  await client.closed;
  const again = await RawClient.connect(server);
  t.teardown(() => again.close());
  await load(again);
  await note(again, 'log', 'of the next shard');
  await command.prints(/of the next shard\n/, seen);
  t.is(command.output().match(/of the next shard/g)?.length, 1);
  t.is(command.output().match(/while it follows/g)?.length, 1);
  t.is(await command.end(), 0);

  const other = follow(t, '--json');
  await other.prints(/"message":"of the next shard"/);
  t.is(await other.end('SIGTERM'), 0);
});

test('a follower ends with whoever reads what it prints', async (t) => {
  const { client, server } = t.context;
  await note(client, 'log', 'for head');
  const subprocess = spawn(process.execPath, [PROGRAM, 'logs', '--follow', '--url', server.url], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  subprocess.stderr.on('data', (chunk) => (errors += String(chunk)));
  await once(subprocess.stdout, 'data');
  subprocess.stdout.destroy();
  const end = once(subprocess, 'exit');
  await note(client, 'log', 'for nobody');
  t.deepEqual(await end, [0, null], errors);
  t.is(errors, '');
});

test('a call takes its arguments as JSON, and an error has its exit code and source line', async (t) => {
  const texts = await run(t, [
    'call',
    'echo',
    'k',
    '--json',
    '--json-args',
    '["a b",{"sku":"a"},7]',
  ]);
  t.is(texts.stdout, '["a b","{\\"sku\\":\\"a\\"}","7"]');
  const json = await run(t, ['call', 'echo', '--json', '--', '{"sku":"a"}']);
  t.is(json.stdout, '["{\\"sku\\":\\"a\\"}"]');
  for (const wrong of [
    ['--json-args', '{}'],
    ['--json-args', '[]', '--', 'a'],
  ]) {
    const refused = await run(t, ['call', 'echo', ...wrong]);
    t.is(refused.exitCode, 1);
    t.regex(refused.stderr, /^shredder: .*--json-args/);
  }
  const folder = await temporaryFolder(t, {
    'src/cart.ts': [
      'interface Removed {}',
      'export function add(): number {',
      "  throw new RangeError('there are too many');",
      '}',
    ].join('\n'),
  });
  t.is((await run(t, ['deploy', 'src/cart.ts'], folder)).exitCode, 0);
  const failed = await run(t, ['call', 'add', '--json'], folder);
  t.is(failed.exitCode, 1);
  t.is(failed.stdout, '');
  const [error, ...source] = failed.stderr.split('\n');
  t.regex(error ?? '', /^shredder: ERR RangeError: there are too many at cart\.ts:3:\d+$/);
  t.regex(source[0] ?? '', /^ {2}src\/cart\.ts:3:\d+$/);
  t.is(source[1], "  3 |   throw new RangeError('there are too many');");
  t.regex(source[2] ?? '', /^ {4}\| +\^$/);
});
