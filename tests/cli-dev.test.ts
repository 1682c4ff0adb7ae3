// shredder dev, over a real server.
import path from 'node:path';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { shredder } from './support/command_line.ts';
import { eventually } from './support/eventually.ts';
import { temporaryFolder, writeFiles, type Files } from './support/folder.ts';
import { shardPids } from './support/processes.ts';
import { RawClient } from './support/resp.ts';
import { runShredder, type RunningCommand } from './support/running_command.ts';
import { serverFor, startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';

const test = anyTest as TestFn<{ server: Server }>;

test.before(async (t) => {
  t.context.server = await startServer();
});

test.after.always(async (t) => {
  await stopsWell(t, t.context.server);
});

interface Dev extends RunningCommand {
  folder: string;
  /** Waits until a function gives a reply. */
  answers: (name: string, reply: string) => Promise<void>;
}

async function dev(
  t: ExecutionContext<{ server: Server }>,
  files: Files,
  args: readonly string[],
  server: { port: number } | { path: string } = t.context.server,
): Promise<Dev> {
  const folder = await temporaryFolder(t, files);
  const url = 'path' in server ? `unix:${server.path}` : `redis://127.0.0.1:${server.port}`;
  const command = runShredder(t, ['dev', '--url', url, ...args], { cwd: folder });
  return {
    ...command,
    folder,
    answers: (name, reply) =>
      eventually(`${name} gives ${reply}:\n${command.output()}`, async () => {
        const client = await RawClient.connect(server).catch(() => undefined);
        if (client === undefined) return false;
        const text = await client.text('FCALL', name, '0').catch(() => '');
        client.close();
        return text === reply;
      }),
  };
}

const version = (name: string, n: number): string =>
  `export const ${name} = (): bigint => ${n}n;\n`;

test('a library is loaded, again with each change, and stays when dev ends', async (t) => {
  const { folder, answers, prints, end, output } = await dev(
    t,
    {
      'changing.ts': "import { n } from './n.ts';\nexport const changing = (): bigint => n;\n",
      'n.ts': 'export const n = 1n;',
    },
    ['changing.ts'],
  );
  let at = await prints(/changing for tenant default \(.* KiB\)\n {2}changing\n/);
  await answers('changing', ':1\r\n');
  await writeFiles(folder, { 'n.ts': 'export const n = 2n;' });
  at = await prints(/changing for tenant default/, at);
  await answers('changing', ':2\r\n');
  // What does not change the code does not load it.
  await writeFiles(folder, { 'n.ts': 'export const n: bigint = 2n;', 'other.ts': '' });
  await writeFiles(folder, { 'n.ts': 'export const n = 3n;' });
  await answers('changing', ':3\r\n');
  t.is(await end(), 0, output());
  await answers('changing', ':3\r\n');
});

test("a type error is shown as deploy's, leaves what is loaded, and is over when it is mended", async (t) => {
  const { folder, answers, prints, end } = await dev(t, { 'mended.ts': version('mended', 1) }, [
    'mended.ts',
  ]);
  await answers('mended', ':1\r\n');
  await writeFiles(folder, { 'mended.ts': "export const mended = (): bigint => 'two';\n" });
  let at = await prints(
    /mended\.ts:1:\d+ - error TS2322: Type 'string' is not assignable to type 'bigint'/,
  );
  at = await prints(/export const mended = .*\n +~+\n/, at);
  await prints(/^shredder: mended\.ts: 1 TypeScript error; what is loaded stays$/m, at);
  await answers('mended', ':1\r\n');
  await writeFiles(folder, { 'mended.ts': version('mended', 3) });
  await answers('mended', ':3\r\n');
  t.is(await end('SIGTERM'), 0);
});

test('what does not bundle, or throws while it is loaded, is said, and dev goes on', async (t) => {
  const { folder, answers, prints } = await dev(
    t,
    { 'throwing.ts': `${version('throwing', 1)}throw new Error('while loading');\n` },
    ['throwing.ts'],
  );
  let at = await prints(
    /^shredder: throwing is not loaded: ERR Error: while loading at throwing\.ts:2:\d+$/m,
  );
  at = await prints(/2 \| throw new Error\('while loading'\);\n +\| +\^\n/, at);
  await writeFiles(folder, {
    'throwing.ts': "import 'node:fs';\nexport const throwing = (): bigint => 2n;\n",
  });
  await prints(/^shredder: .*throwing\.ts/m, at);
  await writeFiles(folder, { 'throwing.ts': version('throwing', 3) });
  await answers('throwing', ':3\r\n');
});

test('a library in WebAssembly is compiled, and its errors are shown as deploy shows them', async (t) => {
  const source = (result: string): string =>
    `#include <shredder.h>\nSHREDDER_EXPORT int64_t compiled(void) { return ${result}; }\n`;
  const { folder, answers, prints, end } = await dev(
    t,
    { 'compiled.c': source('1'), 'beside.ts': version('beside', 1) },
    ['compiled.c', 'beside.ts'],
  );
  let at = await prints(/ {2}compiled compiled in \d+ ms\n/);
  await answers('compiled', ':1\r\n');
  await writeFiles(folder, { 'compiled.c': source('nothing') });
  at = await prints(/^compiled\.c:2:\d+: error: use of undeclared identifier 'nothing'\n/m, at);
  at = await prints(/^ +2 \| SHREDDER_EXPORT .*\n +\| +\^/m, at);
  await prints(/^shredder: compiled\.c: 1 C error; what is loaded stays$/m, at);
  await answers('compiled', ':1\r\n');
  await answers('beside', ':1\r\n');
  await writeFiles(folder, { 'compiled.c': source('3') });
  await answers('compiled', ':3\r\n');
  t.is(await end(), 0);
});

test("lines of the tenant's log are shown as they come, with their source lines", async (t) => {
  const { answers, prints } = await dev(
    t,
    {
      'logging.ts': [
        "import { check } from './parts/check.ts';",
        'interface Removed {}',
        'export function logging(): bigint {',
        "  console.log('it is', { called: true });",
        '  check();',
        '  return 1n;',
        '}',
      ].join('\n'),
      'parts/check.ts': "export const check = () => {\n  console.warn('checked');\n};\n",
    },
    ['logging.ts'],
  );
  await answers('logging', ':1\r\n');
  let at = await prints(/ {2}log {4}logging {2}logging\.ts:4:\d+ {2}it is \{ called: true \}\n/);
  at = await prints(
    /^ {4}4 \| {3}console\.log\('it is', \{ called: true \}\);\n {4} {2}\| +\^\n/m,
    at,
  );
  at = await prints(/ {2}warn {3}logging {2}parts\/check\.ts:2:\d+ {2}checked\n/, at);
  await prints(/2 \| {3}console\.warn\('checked'\);\n/, at);
});

test('several libraries of a project are watched at once, and one that is wrong holds up none', async (t) => {
  const { folder, answers, prints } = await dev(
    t,
    { 'one.ts': version('one', 1), 'two.ts': 'export const two = (): bigint => 1;\n' },
    ['one.ts', './two.ts'],
  );
  await answers('one', ':1\r\n');
  await prints(/two\.ts: 1 TypeScript error/);
  await writeFiles(folder, { 'one.ts': version('one', 2) });
  await answers('one', ':2\r\n');
  await writeFiles(folder, { 'two.ts': version('two', 3) });
  await answers('two', ':3\r\n');
});

test('a server that is not there yet, or is started again, gets the library when it is there', async (t) => {
  // A port of its own would have to be free again and again.
  const socket = path.join(await temporaryFolder(t), 's.sock');
  const { folder, answers, prints, end, output } = await dev(
    t,
    { 'late.ts': version('late', 1) },
    ['late.ts'],
    { path: socket },
  );
  await prints(/^shredder: no server answers at unix:.*; waiting for it$/m);
  await prints(/late checked and bundled/);
  const flags = ['--unix-socket', socket];
  const first = await serverFor(t, { flags });
  await answers('late', ':1\r\n');
  t.is(output().match(/waiting for it/g)?.length, 1, output());

  // The shards alone: their memory stays, and the log goes.
  for (const pid of await shardPids(first)) process.kill(pid, 'SIGKILL');
  const at = await prints(/connected to .* again/);
  await answers('late', ':1\r\n');

  await first.stop();
  await prints(/waiting for it/, at);
  await writeFiles(folder, { 'late.ts': version('late', 2) });
  await serverFor(t, { flags });
  await answers('late', ':2\r\n');
  t.is(await end(), 0);
});

test('what cannot be watched at all is one line, and exit code 1', async (t) => {
  const folder = await temporaryFolder(t, { 'a.ts': '', 'b/a.ts': '', 'c.js': '' });
  const refusals: readonly (readonly [args: string[], expected: RegExp])[] = [
    [['gone.ts'], /^shredder: gone\.ts does not exist/],
    [['c.js'], /^shredder: c\.js is no TypeScript module/],
    [['a.ts', path.join('b', 'a.ts')], /^shredder: b\/a\.ts and a\.ts are both library a\n/],
    [['a.ts', 'b/a.ts', '--name', 'x'], /^shredder: --name x is the name of one library/],
  ];
  for (const [args, expected] of refusals) {
    const result = await shredder(['dev', '--url', t.context.server.url, ...args], { cwd: folder });
    t.is(result.exitCode, 1);
    t.regex(result.stderr, expected);
  }
});
