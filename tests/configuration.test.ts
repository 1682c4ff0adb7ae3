// What is wrong with a configuration is said in one line, and nothing starts.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { execa } from 'execa';
import { PATIENCE_MS } from './support/patience.ts';
import { RawClient } from './support/resp.ts';
import { builtRuntime, serverFor } from './support/server.ts';
import { ALICE, twoTenants } from './support/tenants.ts';

interface Context {
  folder: string;
  binary: string;
}

const test = anyTest as TestFn<Context>;

test.before(async (t) => {
  const { binDir } = await builtRuntime();
  t.context = {
    folder: await mkdtemp(path.join(tmpdir(), 'shredder-configuration-')),
    binary: path.join(binDir, 'shredderd'),
  };
});

test.after.always(async (t) => {
  if (t.context.folder) await rm(t.context.folder, { recursive: true });
});

let files = 0;

async function refuses(
  t: ExecutionContext<Context>,
  flags: readonly string[],
  expected: RegExp,
): Promise<void> {
  const result = await execa(t.context.binary, [...flags], {
    stdin: 'ignore',
    reject: false,
    // One that starts all the same would run for ever.
    timeout: PATIENCE_MS,
  });
  t.is(result.exitCode, 1, `${flags.join(' ')}: ${result.stderr}`);
  t.is(result.stdout, '');
  t.regex(result.stderr, expected);
  t.is(result.stderr.split('\n').length, 1, 'one line');
}

async function refusesFile(
  t: ExecutionContext<Context>,
  text: string | Buffer,
  expected: RegExp,
): Promise<void> {
  const file = path.join(t.context.folder, `${files++}.toml`);
  await writeFile(file, text);
  await refuses(t, ['--config', file, '--port', '0'], expected);
}

const TENANT = `[[tenant]]\nname = "${ALICE.name}"\npassword = "${ALICE.password}"\n`;

test('the configuration that the others are mutations of starts', async (t) => {
  const server = await serverFor(t, {
    config: twoTenants({
      server: [
        'bind = "127.0.0.1"',
        'port = 0',
        'max-clients = 100',
        'backend = "auto"',
        'log-level = "debug"',
        'deadline-ms = 50',
        'wall-deadline-ms = 1000',
        'load-deadline-ms = 500',
        'load-wall-deadline-ms = 10000',
        'busy-reply-ms = 5000',
        'shards = 0',
        'shard-silence-ms = 250',
        'auth-timeout-ms = 10000',
        'max-unauthenticated = 1000',
        'isolate-after-crashes = 3',
        'core-dumps = false',
        'heap-limit-mb = 64',
        'idle-after-ms = 10000',
        'callback-builtins = false',
      ],
      alice: [
        'admin = true',
        'memory = "256mb"',
        'deadline-ms = 100',
        'wall-deadline-ms = 2000',
        'isolation = "isolate"',
      ],
    }),
    ownDeadlines: true,
  });
  const client = await RawClient.connect(server);
  t.teardown(() => client.close());
  t.is(await client.text('AUTH', ALICE.name, ALICE.password), '+OK\r\n');
  t.regex(await client.text('CONFIG', 'GET', 'maxmemory'), /\$9\r\n268435456\r\n/);
});

test('a password may be given as its SHA-256', async (t) => {
  const sha256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
  const server = await serverFor(t, {
    config: `[[tenant]]\nname = "alice"\npassword-sha256 = "${sha256}"\n`,
  });
  const client = await RawClient.connect(server);
  t.teardown(() => client.close());
  t.is(await client.text('AUTH', 'alice', 'test'), '+OK\r\n');
  t.regex(await client.text('AUTH', 'alice', sha256), /^-WRONGPASS/);
});

test('two passwords of a tenant are valid at once', async (t) => {
  const server = await serverFor(t, {
    config: '[[tenant]]\nname = "alice"\npassword = ["the-old-one", "the-new-one"]\n',
  });
  const client = await RawClient.connect(server);
  t.teardown(() => client.close());
  t.is(await client.text('AUTH', 'alice', 'the-old-one'), '+OK\r\n');
  t.is(await client.text('AUTH', 'alice', 'the-new-one'), '+OK\r\n');
  t.regex(await client.text('AUTH', 'alice', 'another-one'), /^-WRONGPASS/);
});

/** Values that are wrong for a key, and what the line says of them. */
const wrongValues: Readonly<Record<string, readonly string[]>> = {
  'bind': ['7', 'true', '""', '"everywhere"', '"256.0.0.1"', '["127.0.0.1"]'],
  'port': ['-1', '65536', '"7379"', '7379.5', 'true', '99999999999999999999', '[7379]'],
  'unix-socket': ['""', '7', `"/${'x'.repeat(200)}"`],
  'max-clients': ['0', '-1', '"many"', '1.5', '1000001'],
  'backend': ['"select"', '1', '""'],
  'log-level': ['"loud"', '""', '3'],
  'deadline-ms': ['0', '-1', '"50"', '50.5', '3600001', 'inf'],
  'wall-deadline-ms': ['0', '-1', '"50"', '72000001'],
  'load-deadline-ms': ['0', '"500"', '3600001'],
  'load-wall-deadline-ms': ['0', '"500"', '72000001'],
  'busy-reply-ms': ['0', '-5', '"5000"'],
  'heap-limit-mb': ['0', '7', '4097', '"64"'],
  'idle-after-ms': ['99', '86400001', '"10s"'],
  'callback-builtins': ['1', '"true"', '"yes"'],
  'shards': ['-1', '65', '"2"', '1.5'],
  'shard-silence-ms': ['9', '60001', '"250"'],
  'auth-timeout-ms': ['99', '3600001', '"10000"'],
  'max-unauthenticated': ['0', '1000001', '"1000"'],
  'isolate-after-crashes': ['-1', '1001', '"never"'],
  'core-dumps': ['1', '"false"'],
};

for (const [key, values] of Object.entries(wrongValues)) {
  test(`server.${key}: each wrong value is refused by file, line and key`, async (t) => {
    for (const value of values) {
      const large = value.startsWith('9999999');
      await refusesFile(
        t,
        `[server]\n\n${key} = ${value}\n${TENANT}`,
        // An integer of more than 64 bits is no TOML.
        large
          ? /^shredderd: \S+\.toml:3: /
          : new RegExp(`^shredderd: \\S+\\.toml:3: server\\.${key} `),
      );
    }
  });
}

const wrongTenantValues: Readonly<Record<string, readonly string[]>> = {
  'name': [
    '""',
    '"Alice"',
    '"a b"',
    '"-a"',
    '"_a"',
    '"a/b"',
    `"${'a'.repeat(64)}"`,
    '7',
    '"\u00e4"',
    '"a\\u0000"',
  ],
  'password': [
    '""',
    '7',
    `"${'p'.repeat(1025)}"`,
    '[]',
    '[7]',
    '["a", 7]',
    '["a", "a"]',
    '["a", "b", "c"]',
  ],
  'password-sha256': ['""', '"abc"', `"${'g'.repeat(64)}"`, '7', '[]', '["abc"]'],
  'memory': [
    '""',
    '"256"',
    '256',
    '"256tb"',
    '"-1mb"',
    '"1kb"',
    '"65gb"',
    '"1.5mb"',
    '"mb"',
    '"99999999999999999999gb"',
  ],
  'deadline-ms': ['0', '"50"', '3600001'],
  'wall-deadline-ms': ['0', '"50"', '72000001'],
  'cpu-ms-per-second': ['0', '"50"', '1001'],
  'ops-per-second': ['0', '1.5', '100000001'],
  'over-limit': ['true', '"drop"', '"Wait"'],
  'max-clients': ['0', '"1"', '1000001'],
  'max-in-flight': ['0', '"1"', '1000001'],
  'connection-memory': ['8388608', '"1023kb"', '"65gb"', '"default"'],
  'max-reply': ['65536', '"63kb"', '"513mb"'],
  'heap-limit-mb': ['7', '"64"', '4097'],
  'array-buffer-limit-mb': ['0', '4097'],
  'max-libraries': ['0', '4097'],
  'library-memory': ['65536', '"63kb"', '"2gb"'],
  'isolation': ['1', '""', '"thread"', '"Process"'],
  'admin': ['1', '"true"'],
};

for (const [key, values] of Object.entries(wrongTenantValues)) {
  test(`tenant.${key}: each wrong value is refused by file, line and key`, async (t) => {
    for (const value of values) {
      const others = Object.entries({ name: '"alice"', password: '"secret"' })
        .filter(([other]) => other !== key && !(key === 'password-sha256' && other === 'password'))
        .map(([other, text]) => `${other} = ${text}\n`)
        .join('');
      await refusesFile(
        t,
        `[[tenant]]\n${key} = ${value}\n${others}`,
        new RegExp(`^shredderd: \\S+\\.toml:2: tenant\\.${key} `),
      );
    }
  });
}

const wrongFiles: Readonly<Record<string, readonly [string | Buffer, RegExp]>> = {
  'an empty file': ['', /: no tenant; add a \[\[tenant\]\]/],
  'no tenant': ['[server]\nport = 0\n', /: no tenant; add a \[\[tenant\]\]/],
  'an unknown key of the server': [
    `[server]\nprot = 0\n${TENANT}`,
    /:2: unknown key 'server\.prot'; known are .*port/,
  ],
  'an unknown key of a tenant': [
    `${TENANT}quota = "1gb"\n`,
    /:4: unknown key 'tenant\.quota'; known are .*memory/,
  ],
  'an unknown table': [`${TENANT}[cluster]\n`, /:4: unknown key 'cluster'/],
  'a key outside the tables': [`port = 0\n${TENANT}`, /:1: unknown key 'port'/],
  'one tenant as a table': [
    '[tenant]\nname = "a"\npassword = "b"\n',
    /:1: tenant must be an array/,
  ],
  'server as a value': [`server = 1\n${TENANT}`, /:1: server must be a table/],
  'server as an array': [`[[server]]\nport = 0\n${TENANT}`, /: server must be a table/],
  'tenants that are no tables': ['tenant = [1]\n', /:1: a tenant must be a table/],
  'a tenant without a name': ['[[tenant]]\npassword = "b"\n', /:1: a tenant without a name/],
  'a tenant without a password': ['[[tenant]]\nname = "a"\n', /:1: tenant 'a' has no password/],
  'a tenant with three passwords': [
    `[[tenant]]\nname = "a"\npassword = ["b", "c"]\npassword-sha256 = "${'0'.repeat(64)}"\n`,
    /:4: tenant\.password-sha256 is one password too many; give at most 2/,
  ],
  'a tenant that is there twice': [
    '[[tenant]]\nname = "a"\npassword = "b"\n[[tenant]]\nname = "a"\npassword = "c"\n',
    /:4: tenant 'a' is there twice/,
  ],
  'two tenants with one password': [
    '[[tenant]]\nname = "a"\npassword = "c"\n[[tenant]]\nname = "b"\npassword = "c"\n',
    /:4: tenants 'a' and 'b' have the same password/,
  ],
  'a key that is there twice': [
    `[server]\nport = 0\nport = 1\n${TENANT}`,
    /:3: .*correct the TOML syntax/,
  ],
  'less wall time than CPU time': [
    `[server]\nwall-deadline-ms = 49\n${TENANT}`,
    /\.toml: wall-deadline-ms is 49, less than deadline-ms, which is 50; give at least 50/,
  ],
  "less wall time than CPU time for a library's load": [
    `[server]\nload-deadline-ms = 8\nload-wall-deadline-ms = 7\n${TENANT}`,
    /\.toml: load-wall-deadline-ms is 7, less than load-deadline-ms, which is 8; give/,
  ],
  "less wall time for a tenant than the server's CPU time": [
    `${TENANT}wall-deadline-ms = 49\n`,
    /\.toml: tenant 'alice': wall-deadline-ms is 49, less than deadline-ms, which is 50; give/,
  ],
  'a process for a tenant where there is one for all': [
    `[server]\nshards = 0\n${TENANT}isolation = "process"\n`,
    /tenant 'alice': isolation is process, which takes a shard of its own, and with shards = 0/,
  ],
  'an unclosed string': ['[[tenant]]\nname = "a\n', /:2: .*correct the TOML syntax/],
  'an unclosed table': ['[server\nport = 0\n', /:1: .*correct the TOML syntax/],
  'no TOML': ['{"server": {"port": 0}}', /:1: .*correct the TOML syntax/],
  'bytes that are no UTF-8': [
    Buffer.from('[server]\nbind = "\xff\xfe"\n', 'latin1'),
    /:2: .*correct the TOML syntax/,
  ],
  'a NUL': [`[server]\n\0\n${TENANT}`, /:2: .*correct the TOML syntax/],
  'more than 64 mebibytes': [
    `# ${'x'.repeat(64 * 1024 * 1024)}\n${TENANT}`,
    /: longer than 67108864 bytes/,
  ],
  'more than a hundred thousand tenants': [
    Array.from(
      { length: 100_001 },
      (_, i) => `[[tenant]]\nname = "t${i}"\npassword = "p${i}"\n`,
    ).join(''),
    /: 100001 tenants; give at most 100000/,
  ],
};

for (const [title, [text, expected]] of Object.entries(wrongFiles)) {
  test(`${title}: refused`, async (t) => {
    await refusesFile(t, text, expected);
  });
}

test('a configuration cut off anywhere either starts whole or is refused in one line', async (t) => {
  const whole = `[server]\nport = 0\nmax-clients = 10\n${TENANT}memory = "1gb"\n`;
  // Up to the end of the password's line no prefix is a configuration.
  const complete = whole.indexOf('memory') - 1;
  for (let length = 0; length < complete; length += 3) {
    await refusesFile(t, whole.slice(0, length), /^shredderd: \S+\.toml/);
  }
});

const wrongFlags: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
  'an unknown flag': [['--prot', '0'], /--prot.*see shredderd --help/],
  'a flag without its value': [['--port'], /--port.*see shredderd --help/],
  'an argument too many': [['shredder.toml'], /shredder\.toml.*see shredderd --help/],
  'a port that is no number': [['--port', 'abc'], /--port/],
  'a port out of range': [['--port', '65536'], /--port is 65536, out of range/],
  'a file that is not there': [
    ['--config', '/nonexistent.toml'],
    /\/nonexistent\.toml: cannot be read/,
  ],
  'a folder in place of a file': [['--config', '/tmp'], /\/tmp: cannot be read/],
  'all addresses without a configuration': [
    ['--bind', '0.0.0.0', '--port', '0'],
    /--bind|0\.0\.0\.0/,
  ],
  'all IPv6 addresses without a configuration': [['--bind', '::', '--port', '0'], /--bind|::/],
  'an address of documentation without a configuration': [
    ['--bind', '192.0.2.1', '--port', '0'],
    /--bind|192\.0\.2\.1/,
  ],
  'a name in place of an address': [
    ['--bind', 'example.com'],
    /--bind is 'example\.com', not an IP address/,
  ],
  'a deadline of nothing': [['--deadline-ms', '0'], /--deadline-ms is 0, out of range/],
  'less wall time than CPU time by flags': [
    ['--deadline-ms', '50', '--wall-deadline-ms', '49'],
    /wall-deadline-ms is 49, less than deadline-ms, which is 50; give at least 50/,
  ],
  'more shards than there may be': [['--shards', '65'], /--shards is 65, out of range/],
  'a quota that is no size': [['--memory', 'lots'], /--memory is 'lots', not a size/],
  'an unknown log level': [['--log-level', 'loud'], /--log-level is 'loud'/],
  'an unknown event loop': [['--backend', 'kqueue'], /--backend is 'kqueue'/],
  'an unknown flag of V8': [['--v8-flags', '--no-such-flag', '--port', '0'], /--no-such-flag/],
  'a socket where no file can be': [
    ['--unix-socket', '/nonexistent/shredder.sock', '--port', '0'],
    /\/nonexistent\/shredder\.sock/,
  ],
  'a port file where no file can be': [
    ['--port-file', '/nonexistent/port', '--port', '0'],
    /\/nonexistent\/port/,
  ],
};

for (const [title, [flags, expected]] of Object.entries(wrongFlags)) {
  test(`${title}: refused`, async (t) => {
    await refuses(t, flags, expected);
  });
}

test('a port in use is one line', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.teardown(() => other.close());
  const { port } = other.address() as { port: number };
  await refuses(t, ['--port', String(port)], new RegExp(`127\\.0\\.0\\.1:${port}.*in use`));
});

test('a Unix socket in use by a live server is one line, and the server stays', async (t) => {
  const socket = path.join(t.context.folder, 'live.sock');
  const server = await serverFor(t, { flags: ['--unix-socket', socket] });
  await refuses(
    t,
    ['--unix-socket', socket, '--port', '0'],
    /live\.sock: another server listens there/,
  );
  const client = await RawClient.connect({ path: socket });
  t.is(await client.text('PING'), '+PONG\r\n');
  await client.close();
  t.true(server.pid > 0);
});

test('a file that is no socket is not taken for one', async (t) => {
  const file = path.join(t.context.folder, 'precious.txt');
  await writeFile(file, 'precious');
  await refuses(t, ['--unix-socket', file, '--port', '0'], /precious\.txt/);
});

test('--version and --help tell, and exit with 0', async (t) => {
  const version = await execa(t.context.binary, ['--version']);
  t.regex(version.stdout, /^shredderd \d+\.\d+\.\d+, V8 11\.3\.\d+\.\d+\S*$/);
  const help = await execa(t.context.binary, ['--help']);
  for (const flag of [
    '--config',
    '--bind',
    '--port',
    '--unix-socket',
    '--deadline-ms',
    '--wall-deadline-ms',
    '--load-deadline-ms',
    '--load-wall-deadline-ms',
    '--memory',
    '--backend',
    '--shards',
  ]) {
    t.true(help.stdout.includes(flag), flag);
  }
});

test('flags go before the file', async (t) => {
  const server = await serverFor(t, {
    config: `[server]\nport = 1\ndeadline-ms = 50\n${TENANT}`,
    flags: ['--deadline-ms', '1000'],
    ownDeadlines: true,
  });
  t.true(server.port > 1);
});
