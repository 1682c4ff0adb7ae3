// Sessions, each a family of commands: Shredder answers as Redis 7.0 does, in RESP2 and in RESP3.
import anyTest, { type TestFn } from 'ava';
import {
  answersAlike,
  startServers,
  words,
  type Request,
  type Servers,
} from './support/differential.ts';
import { stopsWell } from './support/stop.ts';

const test = anyTest as TestFn<Servers>;

test.before(async (t) => {
  t.context = await startServers();
});

test.after.always(async (t) => {
  await t.context.stop?.();
  await stopsWell(t, t.context.shredder);
});

const FAR_SECONDS = 4_102_444_800;
const FAR_MS = FAR_SECONDS * 1000;
const LONG = 'x'.repeat(300);

/** Lines as one types them; `{a,b}` stands for the line with a and the line with b. */
const sessions: Readonly<Record<string, string>> = {
  'a connection': `
    PING
    PING hello
    PING a b
    ping ""
    ECHO "two words"
    ECHO
    ECHO a b
    SELECT 0
    SELECT 99999
    SELECT -1
    SELECT abc
    SELECT
    CLIENT GETNAME
    CLIENT SETNAME reader
    CLIENT GETNAME
    client setname ""
    CLIENT GETNAME
    CLIENT SETNAME "two words"
    CLIENT SETNAME "new\\nline"
    CLIENT SETNAME
    CLIENT ID extra
    CLIENT NO-EVICT on
    CLIENT NO-EVICT maybe
    CLIENT KILL 1.2.3.4:5
    CLIENT KILL ID 0
    CLIENT KILL ID abc
    CLIENT KILL ID 99999999
    CLIENT KILL ID
    CLIENT KILL TYPE nothing
    CLIENT KILL USER nobody
    CLIENT KILL SKIPME maybe
    CLIENT KILL ADDR 1.2.3.4:5 SKIPME yes
    CLIENT KILL FOO bar
    CLIENT LIST TYPE nothing
    CLIENT LIST TYPE pubsub
    CLIENT LIST ID abc
    CLIENT LIST ID 99999999
    CLIENT LIST FOO
    CLIENT INFO extra
    AUTH a b c
    AUTH some-password
    AUTH
    HELLO 4
    HELLO 1
    HELLO abc
    HELLO 3 FOO
    HELLO 3 AUTH default
    HELLO 3 SETNAME "two words"
    HELLO 3 SETNAME
    CONFIG GET save
    CONFIG GET appendonly
    CONFIG GET no-such-setting
    CONFIG GET
    CONFIG SET
    CONFIG SET no-such-setting 1
    CONFIG SET save ""
    COMMAND GETKEYS GET a
    COMMAND GETKEYS MSET a 1 b 2
    COMMAND GETKEYS MSET a 1 b
    COMMAND GETKEYS DEL a b c
    COMMAND GETKEYS FCALL f 2 a b c
    COMMAND GETKEYS PING
    COMMAND GETKEYS NOSUCH a
    COMMAND GETKEYS GET
    COMMAND INFO nosuch
    COMMAND DOCS nosuch
    COMMAND LIST FILTERBY MODULE nosuch
    COMMAND LIST FILTERBY
    COMMAND COUNT extra
    RESET
    CLIENT GETNAME`,
  'strings': `
    GET a
    SET a 1
    GET a
    SET a ""
    GET a
    STRLEN a
    STRLEN absent
    SET "" empty-key
    GET ""
    SET "sp ace" v
    GET "sp ace"
    GETSET a new
    GETSET absent first
    GETDEL a
    GETDEL a
    SETNX a 1
    SETNX a 2
    GET a
    SETEX b 100 v
    TTL b
    SETEX b 0 v
    SETEX b -1 v
    SETEX b abc v
    SETEX b 9223372036854775807 v
    SETEX b 9223372036854775 v
    PSETEX b 100000 v
    PTTL b
    PSETEX b 0 v
    PSETEX b 9223372036854775807 v
    GETEX b
    GETEX b EX 200
    TTL b
    GETEX b PERSIST
    TTL b
    GETEX b PX 300000
    PTTL b
    GETEX b EXAT ${FAR_SECONDS}
    EXPIRETIME b
    GETEX b PXAT ${FAR_MS}
    PEXPIRETIME b
    GETEX b EX 0
    GETEX b EX
    GETEX b EX 1 PERSIST
    GETEX b NX
    GETEX b FOO
    GETEX absent EX 10
    GETEX absent EX 0
    GETEX b PXAT 1
    EXISTS b
    MSET a 1 b 2 c 3
    MGET a b c absent a
    MSET a 1 b
    MSET a 1 a 2
    GET a
    MGET
    MSET
    TYPE a
    TYPE absent
    EXISTS a b absent a
    DEL a a absent
    UNLINK b c d
    EXISTS a b c`,
  'parts of a string': `
    APPEND s Hello
    APPEND s ""
    APPEND s " World"
    GET s
    GETRANGE s 0 -1
    GETRANGE s 0 4
    GETRANGE s -5 -1
    GETRANGE s 5 3
    GETRANGE s -1 -5
    GETRANGE s -100 2
    GETRANGE s -100 -50
    GETRANGE s -100 100
    GETRANGE s 100 200
    GETRANGE s 10 10
    GETRANGE s 11 11
    GETRANGE s 0 0
    GETRANGE s -11 -11
    GETRANGE s -12 -12
    GETRANGE s 0 9223372036854775807
    GETRANGE s -9223372036854775808 9223372036854775807
    GETRANGE s 9223372036854775807 -9223372036854775808
    GETRANGE s 0 9223372036854775808
    GETRANGE s a 1
    GETRANGE s 0 1.5
    GETRANGE absent 0 -1
    SETRANGE s 6 There
    GET s
    SETRANGE s 20 !
    GET s
    SETRANGE s -1 x
    SETRANGE s abc x
    SETRANGE s 536870912 x
    SETRANGE s 536870911 xx
    SETRANGE absent 3 ""
    EXISTS absent
    SETRANGE fresh 3 abc
    GET fresh
    APPEND n 12
    INCR n
    APPEND n 4
    GET n
    EXPIRE s 100
    APPEND s more
    TTL s
    SETRANGE s 0 J
    TTL s`,
  'counters': `
    INCR n
    INCR n
    DECR n
    INCRBY n 40
    DECRBY n 50
    INCRBY n -9
    GET n
    INCRBY n abc
    INCRBY n 1.5
    INCRBY n ""
    INCRBY n " 1"
    INCRBY n "1 "
    INCRBY n +1
    INCRBY n 01
    INCRBY n -0
    INCRBY n 9223372036854775808
    INCRBY n -9223372036854775809
    DECRBY n -9223372036854775808
    SET n 9223372036854775807
    INCR n
    DECR n
    SET n -9223372036854775808
    DECR n
    INCRBY n -1
    INCRBY n 9223372036854775807
    DECRBY n 9223372036854775807
    GET n
    SET n abc
    INCR n
    SET n ""
    INCR n
    SET n " 1"
    INCR n
    SET n 01
    INCR n
    SET n -0
    DECR n
    SET n 1.0
    INCR n
    SET n 9223372036854775808
    INCR n
    SET n 12345678901234567890123
    DECR n
    SET n 10 EX 100
    INCR n
    TTL n
    INCR
    INCRBY n
    DECRBY n 1 2`,
  'integer keys and their look-alikes': `
    SET 42 answer
    SET 042 octal
    SET +42 plus
    SET "42 " space
    SET 42.0 point
    SET 4.2e1 exponent
    SET -0 minus-zero
    SET 0 zero
    SET 00 zeros
    SET -42 negative
    SET 9007199254740991 safe
    SET 9007199254740992 unsafe
    SET 9007199254740993 odd
    SET 18446744073709551616 huge
    SET 0x2a hex
    MGET 42 042 +42 "42 " 42.0 4.2e1 -0 0 00 -42 9007199254740991 9007199254740992 9007199254740993 18446744073709551616 0x2a
    DBSIZE
    DEL 42 0 9007199254740992
    KEYS *
    DBSIZE
    EXISTS 42 042 0 00`,
  'times to live': `
    TTL absent
    PTTL absent
    EXPIRETIME absent
    PEXPIRETIME absent
    EXPIRE absent 10
    PERSIST absent
    SET a 1
    TTL a
    PTTL a
    EXPIRETIME a
    PERSIST a
    EXPIRE a 100
    TTL a
    PTTL a
    EXPIRETIME a
    PERSIST a
    TTL a
    PEXPIRE a 100000
    PTTL a
    EXPIREAT a ${FAR_SECONDS}
    EXPIRETIME a
    PEXPIRETIME a
    PEXPIREAT a ${FAR_MS}
    PEXPIRETIME a
    EXPIRE a 100 NX
    EXPIRE a 100 GT
    EXPIRE a 100 LT
    TTL a
    EXPIRE a 50 GT
    EXPIRE a 200 GT
    TTL a
    EXPIRE a 300 LT
    EXPIRE a 300 XX
    TTL a
    PERSIST a
    EXPIRE a 100 XX
    EXPIRE a 100 GT
    EXPIRE a 100 LT
    TTL a
    PERSIST a
    EXPIRE a 100 NX
    EXPIRE a 100 NX XX
    EXPIRE a 100 NX GT
    EXPIRE a 100 GT LT
    EXPIRE a 200 XX GT
    EXPIRE a 100 XX XX
    EXPIRE a 100 nx nx
    EXPIRE a 100 FOO
    EXPIRE a abc
    EXPIRE a 1.5
    EXPIRE a ""
    EXPIRE a 9223372036854775807
    EXPIRE a -9223372036854775808
    EXPIRE a 9223372036854775
    PEXPIRE a 9223372036854775807
    EXPIREAT a 9223372036854775807
    EXPIREAT a 9223372036854775
    PEXPIREAT a 9223372036854775807
    SET b 1
    EXPIRE b 0
    EXISTS b
    SET b 1
    EXPIRE b -1
    EXISTS b
    SET b 1
    PEXPIREAT b 1
    GET b
    SET b 1
    EXPIREAT b 0
    TTL b
    SET b 1
    PEXPIRE b 0
    DBSIZE
    SET c 1 EX 100
    SET c 2
    TTL c
    SET c 1 EX 100
    SET c 2 KEEPTTL
    TTL c
    GETSET c 3
    TTL c
    EXPIRE c 100
    MSET c 4
    TTL c
    EXPIRE
    EXPIRE a
    TTL
    PERSIST a b`,
  'keys and their database': `
    DBSIZE
    KEYS *
    MSET one 1 two 2 three 3 four 4 five 5 "a*b" 6 "a?b" 7 axb 8 "[x]" 9
    DBSIZE
    KEYS *
    KEYS *o*
    KEYS t*
    KEYS f???
    KEYS [ft]*
    KEYS [^ft]*
    KEYS [a-f]*
    KEYS a\\\\*b
    KEYS a[?]b
    KEYS a*b
    KEYS ""
    KEYS [
    KEYS [^
    KEYS "\\\\"
    KEYS ONE
    KEYS
    KEYS a b
    SCAN abc
    SCAN 0 COUNT 0
    SCAN 0 COUNT -1
    SCAN 0 COUNT abc
    SCAN 0 COUNT
    SCAN 0 FOO bar
    SCAN 0 MATCH
    SCAN 0 COUNT 1000 MATCH nothing-matches
    SCAN
    FLUSHDB
    DBSIZE
    SET a 1
    FLUSHALL ASYNC
    SET a 1
    FLUSHDB SYNC
    FLUSHDB FOO
    FLUSHDB ASYNC SYNC
    DBSIZE extra
    DBSIZE`,
  'unknown commands': `
    NOSUCH
    nosuch a b
    NOSUCH "two words" 'it' ""
    NOSUCH ${LONG} b
    NOSUCH ${'y'.repeat(100)} ${'z'.repeat(100)} c
    ${LONG}
    "GET\\r\\n+OK" a
    GETT a
    CLIENT NOSUCH
    CLIENT "no\\r\\nsuch" a
    FUNCTION NOSUCH
    CONFIG NOSUCH a
    COMMAND NOSUCH
    CLIENT
    CONFIG
    FUNCTION
    PING`,
  'transactions': `
    EXEC
    EXEC extra
    DISCARD
    DISCARD extra
    MULTI extra
    MULTI
    MULTI
    SET a 1
    GET a
    INCRBY a x
    EXEC
    GET a
    MULTI
    EXEC
    MULTI
    SET a 2
    DISCARD
    GET a
    MULTI
    SET a 3
    EXEC extra
    EXEC
    GET a
    MULTI
    GET
    SET a 4
    EXEC
    MULTI
    NOSUCH
    EXEC
    MULTI
    CLIENT NOSUCH
    SET a 4
    EXEC
    MULTI
    WATCH a
    WATCH
    EXEC
    MULTI
    UNWATCH
    PING
    ECHO a
    SELECT 0
    SELECT 99
    CLIENT SETNAME inside
    CLIENT GETNAME
    FUNCTION LIST
    FCALL nosuch 0
    MSET a
    MSET a 1 b 2
    MGET a b absent
    DEL a b absent
    CLIENT GETNAME extra
    EXEC
    MULTI
    CLIENT SETNAME inside
    MSET a 1 b
    MSET a 1 b 2
    MGET a b absent
    FLUSHALL
    DBSIZE
    SET a 1
    EXEC
    CLIENT GETNAME
    WATCH
    WATCH a a b
    UNWATCH extra
    UNWATCH
    WATCH a
    SET a 1
    MULTI
    GET a
    EXEC
    WATCH a
    MULTI
    SET a 5
    SET a 6
    EXEC
    MULTI
    GET a
    EXEC
    WATCH a
    SET a 7
    MULTI
    NOSUCH
    EXEC
    MULTI
    PING
    EXEC
    WATCH a
    SET a 8
    MULTI
    UNWATCH
    EXEC
    COMMAND GETKEYS WATCH a b
    COMMAND GETKEYS MULTI
    COMMAND LIST FILTERBY ACLCAT nosuch
    MULTI
    HELLO 3
    GET absent
    HELLO 9
    RESET
    EXEC
    GET absent`,
  'functions that are not there': `
    FCALL nosuch 0
    FCALL nosuch 1 key
    FCALL_RO nosuch 0
    FCALL nosuch
    FCALL nosuch abc
    FCALL nosuch -1
    FCALL nosuch 2 key
    FCALL
    FUNCTION DELETE nosuch
    FUNCTION DELETE
    FUNCTION LIST
    FUNCTION LIST LIBRARYNAME
    FUNCTION LIST LIBRARYNAME nosuch
    FUNCTION LIST WITHCODE WITHCODE
    FUNCTION LIST FOO
    FUNCTION FLUSH
    FUNCTION FLUSH ASYNC
    FUNCTION FLUSH NOW
    FUNCTION FLUSH SYNC ASYNC
    FUNCTION KILL
    FUNCTION KILL extra
    FUNCTION STATS extra
    FUNCTION LOAD
    FUNCTION LOAD "no metadata"
    FUNCTION LOAD "#!nosuch name=lib\\n"
    FUNCTION LOAD FOO "#!nosuch name=lib\\n"`,
};

for (const protocol of [2, 3] as const) {
  for (const [family, lines] of Object.entries(sessions)) {
    test.serial(`RESP${protocol}: ${family} as in Redis`, async (t) => {
      const pair = await t.context.connect(protocol);
      const requests: Request[] = lines
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '')
        .map(words);
      await answersAlike(t, pair, [['FLUSHALL'], ...requests]);
    });
  }
}

/** Options of SET, alone and in every combination of up to three. */
const SET_OPTIONS: readonly (readonly string[])[] = [
  ['NX'],
  ['xx'],
  ['GET'],
  ['KEEPTTL'],
  ['EX', '100'],
  ['px', '100000'],
  ['EXAT', String(FAR_SECONDS)],
  ['PXAT', String(FAR_MS)],
  ['EX', '0'],
  ['PX', '-1'],
  ['EX', 'abc'],
  ['EX', '9223372036854775807'],
  ['PXAT', '1'],
  ['EX'],
  ['PERSIST'],
];

function* combinations(length: number): Generator<string[]> {
  if (length === 0) {
    yield [];
    return;
  }
  for (const rest of combinations(length - 1)) {
    for (const option of SET_OPTIONS) yield [...rest, ...option];
  }
}

const KEY_STATES: Readonly<Record<string, readonly Request[]>> = {
  'an absent key': [['DEL', 'key']],
  'a key': [['SET', 'key', 'old']],
  'a key with an expiry': [['SET', 'key', 'old', 'EX', '1000']],
};

for (const [state, prepare] of Object.entries(KEY_STATES)) {
  test.serial(`every combination of SET's options on ${state} as in Redis`, async (t) => {
    const pair = await t.context.connect(3);
    for (const length of [0, 1, 2, 3]) {
      const requests = [...combinations(length)].flatMap((options) => [
        ...prepare,
        ['SET', 'key', 'new', ...options],
        ['GET', 'key'],
        ['PTTL', 'key'],
      ]);
      await answersAlike(t, pair, requests);
    }
  });
}

test.serial('a wrong number of arguments is refused as in Redis, for every command', async (t) => {
  const pair = await t.context.connect(2);
  const reply = (await pair.shredder.call('COMMAND', 'LIST')).toString();
  const names = reply.split('\r\n').filter((line) => /^[a-z]/.test(line));
  t.true(names.length > 70);
  // Of a later Redis than the one compared with.
  const newer = new Set(['client|setinfo', 'client|no-touch']);
  // Its own test has what ends a connection, or changes what it speaks or executes.
  const other = new Set(['quit', 'reset', 'hello', 'multi']);
  for (const name of names.filter((each) => !newer.has(each) && !other.has(each))) {
    const command = name.split('|');
    const requests = [];
    for (let extra = 0; extra <= 6; extra++) {
      const args = Array.from({ length: extra }, (_, i) => `arg${i}`);
      const reply = (await pair.redis.call(...command, ...args)).toString();
      if (reply.startsWith('-ERR wrong number of arguments')) requests.push([...command, ...args]);
    }
    await answersAlike(t, pair, requests);
  }
});

test.serial('COMMAND INFO gives the arity and the key positions that Redis gives', async (t) => {
  const pair = await t.context.connect(2);
  const list = (await pair.shredder.call('COMMAND', 'LIST')).toString();
  const names = list.split('\r\n').filter((line) => /^[a-z_]+$/.test(line));
  t.true(names.includes('get') && names.includes('fcall_ro'));
  // Shredder's own.
  const own = new Set(['fcall_json', 'tenant']);
  /** Name, arity and key positions, the set of flags taken out. */
  const described = (reply: Buffer): string[] =>
    [
      ...reply
        .toString()
        .matchAll(
          /\*10\r\n\$\d+\r\n([a-z_]+)\r\n:(-?\d+)\r\n\*\d+\r\n(?:\+\w+\r\n)*:(-?\d+)\r\n:(-?\d+)\r\n:(-?\d+)\r\n/g,
        ),
    ].map((match) => match.slice(1).join(' '));
  for (const name of names.filter((each) => !own.has(each))) {
    const [ours, theirs] = await Promise.all([
      pair.shredder.call('COMMAND', 'INFO', name),
      pair.redis.call('COMMAND', 'INFO', name),
    ]);
    t.is(described(ours).length, 1, name);
    t.deepEqual(described(ours), described(theirs));
  }
});

/** Where Shredder answers otherwise than Redis, on purpose. */
const differences: Readonly<Record<string, readonly [Request, string]>> = {
  'there is one database': [['SELECT', '1'], '-ERR DB index is out of range\r\n'],
  'a key has at most 64 KiB': [
    ['SET', 'k'.repeat(65_537), 'v'],
    '-ERR key is longer than 65536 bytes\r\n',
  ],
  'a NUL is a byte like any other in what an error repeats': [
    ['GET\0', 'a'],
    "-ERR unknown command 'GET\0', with args beginning with: 'a' \r\n",
  ],
  'a cursor is a number': [['SCAN', '-1'], '-ERR invalid cursor\r\n'],
  'there is no Lua': [
    ['EVAL', 'return 1', '0'],
    "-ERR unknown command 'EVAL', with args beginning with: 'return 1' '0' \r\n",
  ],
  'Lua is no engine of functions': [
    ['FUNCTION', 'LOAD', '#!lua name=lib\nredis.register_function("f", function() end)'],
    "-ERR Engine 'lua' not found\r\n",
  ],
  'settings are fixed while the server runs': [
    ['CONFIG', 'SET', 'maxmemory', '1gb'],
    "-ERR CONFIG SET failed (possibly related to argument 'maxmemory') - can't set immutable config\r\n",
  ],
  'clients name their library, as since Redis 7.2': [
    ['CLIENT', 'SETINFO', 'LIB-NAME', 'some-client'],
    '+OK\r\n',
  ],
  'a name of a library has no spaces, as since Redis 7.2': [
    ['CLIENT', 'SETINFO', 'LIB-NAME', 'some client'],
    '-ERR lib-name cannot contain spaces, newlines or special characters.\r\n',
  ],
  'reads leave no trace, whatever is asked': [['CLIENT', 'NO-TOUCH', 'on'], '+OK\r\n'],
};

for (const [title, [request, expected]] of Object.entries(differences)) {
  test.serial(`other than in Redis: ${title}`, async (t) => {
    const { shredder, redis } = await t.context.connect(2);
    t.is(await shredder.text(...request), expected);
    t.not(await redis.text(...request), expected);
  });
}

test.serial('a key of 64 KiB is a key', async (t) => {
  const { shredder } = await t.context.connect(2);
  const key = 'k'.repeat(65_536);
  t.is(await shredder.text('SET', key, 'v'), '+OK\r\n');
  t.is(await shredder.text('GET', key), '$1\r\nv\r\n');
  t.is(await shredder.text('DEL', key), ':1\r\n');
  const refused = '-ERR key is longer than 65536 bytes\r\n';
  t.is(await shredder.text('MGET', 'a', `${key}k`), refused);
  await shredder.call('DEL', 'a');
  t.is(await shredder.text('MSET', 'a', '1', `${key}k`, '2'), refused);
  t.is(await shredder.text('EXISTS', 'a'), ':0\r\n');
});

test.serial('QUIT answers OK and ends the connection', async (t) => {
  const pair = await t.context.connect(2);
  await answersAlike(t, pair, [['SET', 'a', '1'], ['QUIT']]);
  await pair.shredder.closed;
  await t.throwsAsync(pair.shredder.call('PING'), { message: /closed/ });
});

test.serial('a connection can kill itself, and hears of it first', async (t) => {
  const { shredder } = await t.context.connect(2);
  const id = /^:(\d+)/.exec(await shredder.text('CLIENT', 'ID'))?.[1] ?? '';
  t.is(await shredder.text('CLIENT', 'KILL', 'ID', id), ':0\r\n');
  t.is(await shredder.text('CLIENT', 'KILL', 'ID', id, 'SKIPME', 'no'), ':1\r\n');
  await shredder.closed;
});

test.serial('RESET brings back RESP2 and takes the name', async (t) => {
  const { shredder } = await t.context.connect(3);
  await shredder.call('CLIENT', 'SETNAME', 'reader');
  t.is(await shredder.text('GET', 'absent-key'), '_\r\n');
  t.is(await shredder.text('RESET'), '+RESET\r\n');
  const { password } = t.context.shredder;
  if (password !== undefined) t.is(await shredder.text('AUTH', password), '+OK\r\n');
  t.is(await shredder.text('GET', 'absent-key'), '$-1\r\n');
  t.is(await shredder.text('CLIENT', 'GETNAME'), '$-1\r\n');
});

test.serial('HELLO describes the server in the order that clients rely on', async (t) => {
  const { shredder } = await t.context.connect(2);
  const form = (proto: number): RegExp =>
    new RegExp(
      `^${proto === 2 ? '\\*14' : '%7'}\r\n\\$6\r\nserver\r\n\\$5\r\nredis\r\n\\$7\r\nversion\r\n` +
        `\\$\\d+\r\n7\\.\\d+\\.\\d+\r\n\\$5\r\nproto\r\n:${proto}\r\n\\$2\r\nid\r\n:\\d+\r\n` +
        '\\$4\r\nmode\r\n\\$10\r\nstandalone\r\n\\$4\r\nrole\r\n\\$6\r\nmaster\r\n\\$7\r\nmodules\r\n\\*0\r\n$',
    );
  t.regex(await shredder.text('HELLO'), form(2));
  t.regex(await shredder.text('HELLO', '3', 'SETNAME', 'reader'), form(3));
  t.regex(await shredder.text('HELLO'), form(3));
  t.is(await shredder.text('CLIENT', 'GETNAME'), '$6\r\nreader\r\n');
  t.regex(await shredder.text('HELLO', '2'), form(2));
});
