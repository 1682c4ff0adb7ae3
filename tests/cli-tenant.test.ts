// `shredder tenant`: an administrator's commands, from the command line to a server with shards.
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { digestOf, randomPassword } from '../build-scripts/client/password.ts';
import { shredder, type CommandResult } from './support/command_line.ts';
import { temporaryFolder } from './support/folder.ts';
import { RawClient } from './support/resp.ts';
import { startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';

const test = anyTest as TestFn<{ server: Server }>;

const OPERATOR = { name: 'operator', password: 'the-password-of-the-operator' };
const ACME = { name: 'acme', password: 'the-password-of-acme' };

const CONFIG = `
[server]
shards = 2

[[tenant]]
name = "${OPERATOR.name}"
password = "${OPERATOR.password}"
memory = "1mb"
admin = true

[[tenant]]
name = "${ACME.name}"
password = "${ACME.password}"
`;

test.before(async (t) => {
  t.context.server = await startServer({ config: CONFIG });
});

test.after.always(async (t) => {
  await stopsWell(t, t.context.server);
});

function tenant(
  t: ExecutionContext<{ server: Server }>,
  args: readonly string[],
  as = OPERATOR,
): Promise<CommandResult> {
  return shredder(['tenant', ...args, '--url', t.context.server.url, '--tenant', as.name], {
    env: { SHREDDER_PASSWORD: as.password },
  });
}

/** What `shredder tenant` prints, which must succeed. */
async function printed(
  t: ExecutionContext<{ server: Server }>,
  ...args: string[]
): Promise<string> {
  const { exitCode, stdout, stderr } = await tenant(t, args);
  t.is(exitCode, 0, stderr);
  t.is(stderr, '');
  return stdout;
}

async function refusal(
  t: ExecutionContext<{ server: Server }>,
  ...args: string[]
): Promise<string> {
  const { exitCode, stdout, stderr } = await tenant(t, args);
  t.is(exitCode, 1, stderr);
  t.is(stdout, '');
  return stderr;
}

/** What the server answers to AUTH, on a connection of its own. */
async function authenticate(
  t: ExecutionContext<{ server: Server }>,
  name: string,
  password: string,
): Promise<string> {
  const client = await RawClient.connect(t.context.server);
  try {
    return await client.text('AUTH', name, password);
  } finally {
    client.close();
  }
}

/** The password that a command prints. */
function passwordIn(output: string): string {
  return /^password, shown this once: (\S+)$/m.exec(output)?.[1] ?? '';
}

const OK = '+OK\r\n';
const WRONG = /^-WRONGPASS /;

test('a tenant that is made gets a random password, which is printed and works', async (t) => {
  const password = passwordIn(await printed(t, 'create', 'made', '--memory', '64mb'));
  t.regex(password, /^[0-9a-f]{48}$/);
  t.is(await authenticate(t, 'made', password), OK);
  t.regex(await authenticate(t, 'made', 'another'), WRONG);
});

test('no two random passwords are alike', (t) => {
  t.is(new Set(Array.from({ length: 100 }, randomPassword)).size, 100);
});

test("a password's digest is its SHA-256", (t) => {
  t.is(digestOf('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test("a password in a file is taken without the file's last newline, and is not printed", async (t) => {
  const folder = await temporaryFolder(t, { password: 'from a file\n' });
  const output = await printed(
    t,
    ...['create', 'from-file', '--new-password-file', `${folder}/password`],
  );
  t.is(output, 'tenant from-file is made');
  t.is(await authenticate(t, 'from-file', 'from a file'), OK);
});

test('a password file that is absent, empty or of two lines is one line of error and makes nothing', async (t) => {
  const folder = await temporaryFolder(t, { empty: '\n', two: 'a\nb\n' });
  for (const [file, problem] of [
    ['absent', /absent does not exist$/],
    ['empty', /^shredder: the password in \S+empty is empty$/m],
    ['two', /^shredder: the password in \S+two has more than one line$/],
  ] as const) {
    const args = ['create', 'unmade', '--new-password-file', `${folder}/${file}`];
    t.regex(await refusal(t, ...args), problem);
  }
  t.is(await printed(t, 'list', '--match', 'unmade'), '');
});

test('settings are shown as they were given, those of the server where none were', async (t) => {
  await printed(
    t,
    ...[
      'create',
      'settings',
      '--memory',
      '64mb',
      '--deadline-ms',
      '70',
      '--wall-deadline-ms',
      '900',
      '--ops-per-second',
      '1000',
      '--over-limit',
      'refuse',
      '--connection-memory',
      '8mb',
    ],
  );
  const text = await printed(t, 'get', 'settings');
  t.regex(text, /^memory +64mb$/m);
  t.regex(text, /^deadline-ms +70$/m);
  t.regex(text, /^wall-deadline-ms +900$/m);
  t.regex(text, /^isolation +isolate$/m);
  t.regex(text, /^ops-per-second +1000$/m);
  t.regex(text, /^over-limit +refuse$/m);
  t.regex(text, /^connection-memory +8mb$/m);
  t.regex(text, /^cpu-ms-per-second +none$/m);
  t.regex(text, /^admin +no$/m);

  t.is(await printed(t, 'set', 'settings', '--isolation', 'process'), 'tenant settings is changed');
  t.is(await printed(t, 'list', '--isolation', 'process'), 'settings');
  t.is(await printed(t, 'set', 'settings', '--memory', '1025kb'), 'tenant settings is changed');
  t.is(
    await printed(t, 'set', 'settings', '--ops-per-second', 'default'),
    'tenant settings is changed',
  );
  const json = JSON.parse(await printed(t, 'get', 'settings', '--json')) as Record<string, unknown>;
  t.like(json, {
    'name': 'settings',
    'memory': 1025 * 1024,
    'deadline-ms': 70,
    'wall-deadline-ms': 900,
    'isolation': 'process',
    'ops-per-second': 'none',
    'over-limit': 'refuse',
    'passwords': 1,
    'admin': false,
    'source': 'command',
    'libraries': [],
  });
});

test('a rotated password is valid beside the one before it, until the next rotation', async (t) => {
  const first = passwordIn(await printed(t, 'create', 'rotated'));
  const second = passwordIn(await printed(t, 'set', 'rotated', '--rotate-password'));
  for (const valid of [first, second]) t.is(await authenticate(t, 'rotated', valid), OK);
  const third = passwordIn(await printed(t, 'set', 'rotated', '--rotate-password'));
  for (const valid of [second, third]) t.is(await authenticate(t, 'rotated', valid), OK);
  t.regex(await authenticate(t, 'rotated', first), WRONG);
});

test('a password that replaces the others is the only one', async (t) => {
  const before = passwordIn(await printed(t, 'create', 'replaced'));
  const { password } = JSON.parse(
    await printed(t, 'set', 'replaced', '--replace-passwords', '--json'),
  ) as { password: string };
  t.is(await authenticate(t, 'replaced', password), OK);
  t.regex(await authenticate(t, 'replaced', before), WRONG);
});

test('names are listed in their order, all of them or those that a pattern matches', async (t) => {
  for (const name of ['listed-b', 'listed-a']) await printed(t, 'create', name);
  const all = (await printed(t, 'list')).split('\n');
  t.deepEqual(all, [...all].sort());
  for (const name of ['acme', 'listed-a', 'operator']) t.true(all.includes(name));
  t.is(await printed(t, 'list', '--match', 'listed-*'), 'listed-a\nlisted-b');
  t.is(await printed(t, 'list', '--match', 'listed-*', '--json'), '["listed-a","listed-b"]');
});

test('a tenant moves to the shard that is named, or to one of its own, with its keys', async (t) => {
  const password = passwordIn(await printed(t, 'create', 'moved'));
  const shardOf = async (): Promise<unknown> => {
    const reply = JSON.parse(await printed(t, 'get', 'moved', '--json')) as { shard: number };
    return reply.shard;
  };
  const client = await RawClient.connect(t.context.server);
  t.is(await client.text('AUTH', 'moved', password), OK);
  t.is(await client.text('SET', 'key', 'value'), OK);
  client.close();
  for (const shard of ['0', '1']) {
    t.is(await printed(t, 'move', 'moved', '--shard', shard), `tenant moved is on shard ${shard}`);
    t.is(await shardOf(), Number(shard));
  }
  t.is(await printed(t, 'move', 'moved', '--own'), 'tenant moved is on a shard of its own');
  t.true(Number(await shardOf()) >= 2);
  const after = await RawClient.connect(t.context.server);
  t.is(await after.text('AUTH', 'moved', password), OK);
  t.is(await after.text('GET', 'key'), '$5\r\nvalue\r\n');
  after.close();
});

test('a dropped tenant is gone', async (t) => {
  const password = passwordIn(await printed(t, 'create', 'dropped'));
  t.is(await printed(t, 'drop', 'dropped'), 'tenant dropped is dropped');
  t.is(await printed(t, 'list', '--match', 'dropped'), '');
  t.regex(await authenticate(t, 'dropped', password), WRONG);
});

test('what the server refuses is one line of its own text', async (t) => {
  for (const [args, text] of [
    [['get', 'nobody'], /^shredder: ERR no tenant 'nobody'/],
    [['create', ACME.name], /^shredder: ERR tenant 'acme' is there already/],
    [['create', 'Upper'], /^shredder: ERR the name is 'Upper', not a tenant's name/],
    [['create', 'x', '--memory', 'much'], /^shredder: ERR memory is 'much'/],
    [
      ['set', ACME.name, '--memory', '1gb'],
      /^shredder: ERR tenant 'acme' is in the configuration file/,
    ],
    [['move', ACME.name, '--shard', '9'], /^shredder: ERR there is no shard '9'/],
  ] as const) {
    const stderr = await refusal(t, ...args);
    t.regex(stderr, text);
    t.false(stderr.includes('\n'));
  }
});

test('a tenant that is no administrator is refused', async (t) => {
  const { exitCode, stdout, stderr } = await tenant(t, ['list'], ACME);
  t.is(exitCode, 1);
  t.is(stdout, '');
  t.regex(stderr, /^shredder: NOPERM /);
});

test('a command line that says too little or too much is refused before the server is asked', async (t) => {
  for (const [args, text] of [
    [['set', ACME.name], /there is nothing to change of tenant acme/],
    [['set', ACME.name, '--new-password-file', '-'], /^ {2}Give --rotate-password or /m],
    [['set', ACME.name, '--rotate-password', '--replace-passwords'], /cannot be used with/],
    [['move', ACME.name], /^ {2}Give --shard NUMBER, or --own\.$/m],
    [['move', ACME.name, '--own', '--shard', '1'], /cannot be used with/],
  ] as const) {
    t.regex(await refusal(t, ...args), text);
  }
});
