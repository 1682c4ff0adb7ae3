// What `bench library` measures: of each module of the standard library some operations, and what does the same in Redis.
import type { Redis } from 'ioredis';

export const LIBRARY_MODULES = [
  'json',
  'text',
  'record',
  'hash',
  'list',
  'queue',
  'sorted',
  'ratelimit',
  'lock',
  'tree',
  'graph',
  'stream',
  'matrix',
] as const;
export type LibraryModule = (typeof LIBRARY_MODULES)[number];

/** One measurement of each operation, on all sides alike. */
export interface Turn {
  /** From 0 on, of all turns of a run. */
  number: number;
  /** How often an operation with a share of 1 is asked for in a turn. */
  requests: number;
}

/** Asks for the `index`th of a turn; what the answer is worth comparing. */
export type Ask = (client: Redis, index: number, turn: Turn) => Promise<unknown>;

/** A way to do an operation in Redis. */
export interface Peer {
  /** What it is made of, in a few words. */
  by: string;
  ask: Ask;
}

/** What is asked of Shredder, and of each peer; the peers of a module have a database each. */
export interface Operation {
  name: string;
  shredder: Ask;
  redis: readonly Peer[];
  /** The part of a turn's requests that this one has; absent: 1. */
  share?: number;
  /** Elements of the answer that belong together, where these come in any order. */
  unordered?: number;
}

/** A module's operations, which take turns in this order. */
export interface ModuleCases {
  module: LibraryModule;
  /** Asked for so often before all; the first number of the peers' ways is that of the operations'. */
  setUp: readonly { times: number; shredder: Ask; redis: readonly Ask[] }[];
  operations: readonly Operation[];
}

type Argument = string | number | Buffer;

function command(client: Redis, name: string, ...args: readonly Argument[]): Promise<unknown> {
  return client.call(name, [...args]);
}

/** A function with one key; both libraries give it the same name. */
function fcall(
  client: Redis,
  name: string,
  key: string,
  ...args: readonly Argument[]
): Promise<unknown> {
  return client.call('FCALL', [name, 1, key, ...args]);
}

const NOTHING: Ask = () => Promise.resolve();
const LUA = 'Lua';
/** No window and no lock is over before the run is. */
const LONG_MS = 3_600_000;
const OWNER = 'owner-5f0c1f7a';

/** A way that is the same on both sides: a function of one name and the same arguments. */
function alike(
  name: string,
  argumentsOf: (index: number, turn: Turn) => [key: string, ...args: Argument[]],
): Ask {
  return (client, index, turn) => fcall(client, name, ...argumentsOf(index, turn));
}

/** @param startMs Unix milliseconds of the first value of a stream: whole seconds, an hour or so ago. */
export function libraryCases(startMs: number): ModuleCases[] {
  return [
    json(),
    text(),
    record(),
    hash(),
    list(),
    queue(),
    sorted(),
    ratelimit(),
    lock(),
    tree(),
    graph(),
    stream(startMs),
    matrix(),
  ];
}

interface Cart {
  items: { name: string; count: number; price: number }[];
  total?: number;
}

function json(): ModuleCases {
  const documents = 100;
  const items = 12;
  const key = (index: number): string => `cart:${index % documents}`;
  const cart = (index: number): string =>
    JSON.stringify({
      owner: `customer ${index}`,
      items: Array.from({ length: items }, (_, i) => ({
        name: `article ${index}.${i}, in its usual package`,
        count: 1 + (i % 5),
        price: 100 + 7 * i,
      })),
    });
  const set: Ask = (client, index) => command(client, 'SET', key(index), cart(index));
  const read = async (client: Redis, index: number): Promise<Cart> =>
    JSON.parse(String(await command(client, 'GET', key(index)))) as Cart;
  const setAt = alike('jsonSetAt', (index) => [key(index), index % items, index % 97]);
  const getAt = alike('jsonGetAt', (index) => [key(index), index % items]);
  const update = alike('jsonUpdate', (index) => [key(index)]);
  return {
    module: 'json',
    setUp: [{ times: documents, shredder: set, redis: [set, set] }],
    operations: [
      {
        name: 'setAt',
        shredder: setAt,
        redis: [
          { by: 'Lua, cjson', ask: setAt },
          {
            by: 'GET, SET by the client',
            ask: async (client, index) => {
              const found = await read(client, index);
              found.items[index % items]!.count = index % 97;
              await command(client, 'SET', key(index), JSON.stringify(found));
              return 1;
            },
          },
        ],
      },
      {
        name: 'getAt',
        shredder: getAt,
        redis: [
          { by: 'Lua, cjson', ask: getAt },
          {
            by: 'GET by the client',
            ask: async (client, index) => (await read(client, index)).items[index % items]!.count,
          },
        ],
      },
      {
        name: 'update',
        shredder: update,
        redis: [
          { by: 'Lua, cjson', ask: update },
          {
            by: 'GET, SET by the client',
            ask: async (client, index) => {
              const found = await read(client, index);
              let total = 0;
              for (const { count, price } of found.items) total += count * price;
              found.total = total;
              await command(client, 'SET', key(index), JSON.stringify(found));
              return total;
            },
          },
        ],
      },
    ],
  };
}

function text(): ModuleCases {
  const names = 100;
  const log = (index: number): string => `log:${index % names}`;
  const page = (index: number): string => `page:${index % names}`;
  const start = (index: number): number => (index * 37) % 4_000;
  const state = (index: number): string => `state:${index % names}`;
  const setPage: Ask = (client, index) =>
    command(client, 'SET', page(index), `${index}: lorem ipsum `.repeat(300).slice(0, 4_096));
  const setState: Ask = (client, index) => command(client, 'SET', state(index), 'idle');
  const replaceIf = alike('textReplaceIf', (index) =>
    Math.floor(index / names) % 2 === 0
      ? [state(index), 'idle', 'busy']
      : [state(index), 'busy', 'idle'],
  );
  return {
    module: 'text',
    setUp: [setPage, setState].map((set) => ({ times: names, shredder: set, redis: [set] })),
    operations: [
      {
        name: 'append',
        shredder: alike('textAppend', (index) => [log(index), `line ${index}\n`]),
        redis: [
          {
            by: 'APPEND',
            ask: (client, index) => command(client, 'APPEND', log(index), `line ${index}\n`),
          },
        ],
      },
      {
        name: 'getRange',
        shredder: alike('textGetRange', (index) => [page(index), start(index), start(index) + 64]),
        redis: [
          {
            by: 'GETRANGE',
            ask: (client, index) =>
              command(client, 'GETRANGE', page(index), start(index), start(index) + 63),
          },
        ],
      },
      { name: 'replaceIf', shredder: replaceIf, redis: [{ by: LUA, ask: replaceIf }] },
    ],
  };
}

function record(): ModuleCases {
  const records = 1_000;
  const key = (index: number): string => `item:${index % records}`;
  const quantity = (index: number, turn: Turn): number => (index * 13 + turn.number) % 1_000;
  const price = (index: number): number => (index % 400) / 4;
  const write = alike('recordWrite', (index, turn) => [
    key(index),
    quantity(index, turn),
    price(index),
  ]);
  const writeFields: Ask = async (client, index, turn) => {
    const values = ['quantity', quantity(index, turn), 'price', price(index)];
    await command(client, 'HSET', key(index), ...values);
    return 1;
  };
  const total = alike('recordTotal', (index) => ['item:', (index * 37) % (records - 100), 100]);
  return {
    module: 'record',
    setUp: [{ times: records, shredder: write, redis: [writeFields] }],
    operations: [
      { name: 'write', shredder: write, redis: [{ by: 'HSET', ask: writeFields }] },
      {
        name: 'read',
        shredder: alike('recordRead', (index) => [key(index)]),
        redis: [
          { by: 'HGET', ask: (client, index) => command(client, 'HGET', key(index), 'price') },
        ],
      },
      {
        name: 'sum over 100',
        shredder: total,
        redis: [{ by: 'Lua, HMGET', ask: total }],
        share: 0.2,
      },
    ],
  };
}

function hash(): ModuleCases {
  const names = 100;
  const fields = 50;
  const name = (index: number): string => `user:${index % names}`;
  const field = (index: number): string => `field${Math.floor(index / names) % fields}`;
  const set = alike('hashSet', (index, turn) => [
    name(index),
    field(index),
    `value ${index} ${turn.number}`,
  ]);
  const hset: Ask = (client, index, turn) =>
    command(client, 'HSET', name(index), field(index), `value ${index} ${turn.number}`);
  return {
    module: 'hash',
    setUp: [{ times: names * fields, shredder: set, redis: [hset] }],
    operations: [
      { name: 'set', shredder: set, redis: [{ by: 'HSET', ask: hset }] },
      {
        name: 'get',
        shredder: alike('hashGet', (index) => [name(index), field(index)]),
        redis: [
          {
            by: 'HGET',
            ask: (client, index) => command(client, 'HGET', name(index), field(index)),
          },
        ],
      },
      {
        name: 'increment',
        shredder: alike('hashIncrement', (index) => [name(index), 'visits', 1 + (index % 3)]),
        redis: [
          {
            by: 'HINCRBY',
            ask: (client, index) =>
              command(client, 'HINCRBY', name(index), 'visits', 1 + (index % 3)),
          },
        ],
      },
      {
        name: `getAll of ${fields}`,
        shredder: alike('hashGetAll', (index) => [name(index)]),
        redis: [{ by: 'HGETALL', ask: (client, index) => command(client, 'HGETALL', name(index)) }],
        share: 0.2,
        unordered: 2,
      },
    ],
  };
}

function list(): ModuleCases {
  const names = 10;
  const length = 1_000;
  const long = (index: number): string => `long:${index % names}`;
  const feed = (index: number): string => `feed:${index % names}`;
  const value = (index: number, turn: Turn): string => `event ${index} of ${turn.number}`;
  const start = (index: number): number => (index * 37) % (length - 100);
  return {
    module: 'list',
    setUp: [
      {
        times: names * length,
        shredder: alike('listPush', (index, turn) => [long(index), value(index, turn)]),
        redis: [(client, index, turn) => command(client, 'RPUSH', long(index), value(index, turn))],
      },
    ],
    operations: [
      {
        name: 'push',
        shredder: alike('listPush', (index, turn) => [feed(index), value(index, turn)]),
        redis: [
          {
            by: 'RPUSH',
            ask: (client, index, turn) => command(client, 'RPUSH', feed(index), value(index, turn)),
          },
        ],
      },
      {
        name: 'shift',
        shredder: alike('listShift', (index) => [feed(index)]),
        redis: [{ by: 'LPOP', ask: (client, index) => command(client, 'LPOP', feed(index)) }],
      },
      {
        name: 'range of 100',
        shredder: alike('listRange', (index) => [long(index), start(index), start(index) + 100]),
        redis: [
          {
            by: 'LRANGE',
            ask: (client, index) =>
              command(client, 'LRANGE', long(index), start(index), start(index) + 99),
          },
        ],
        share: 0.2,
      },
    ],
  };
}

function queue(): ModuleCases {
  const count = 10;
  const name = 'jobs';
  const group = 'workers';
  const body = (index: number, turn: Turn): string => `job ${index} of ${turn.number}`;
  const enqueue = alike('queueEnqueue', (index, turn) => [name, body(index, turn)]);
  const work: Ask = async (client) => {
    const found = asList(await fcall(client, 'queuePoll', name, count, LONG_MS)).map(String);
    const receipts = found.filter((_, i) => i % 2 === 0);
    const bodies = found.filter((_, i) => i % 2 === 1);
    return [await fcall(client, 'queueAcknowledge', name, ...receipts), bodies];
  };
  const workStream: Ask = async (client) => {
    const options = ['GROUP', group, 'worker', 'COUNT', count, 'STREAMS', name, '>'];
    // A map of one stream, flat as the client has it.
    const [, read] = asList(await command(client, 'XREADGROUP', ...options));
    const entries = asList(read).map(asList);
    const ids = entries.map(([id]) => String(id));
    // Acknowledged entries stay in a stream, unless they are deleted.
    const [acknowledged] = await Promise.all([
      command(client, 'XACK', name, group, ...ids),
      command(client, 'XDEL', name, ...ids),
    ]);
    return [acknowledged, entries.map(([, fields]) => asList(fields)[1])];
  };
  return {
    module: 'queue',
    setUp: [
      {
        times: 1,
        shredder: NOTHING,
        redis: [
          NOTHING,
          (client) => command(client, 'XGROUP', 'CREATE', name, group, '$', 'MKSTREAM'),
        ],
      },
    ],
    operations: [
      {
        name: 'enqueue',
        shredder: enqueue,
        redis: [
          { by: 'Lua, RPUSH', ask: enqueue },
          {
            by: 'XADD',
            ask: async (client, index, turn) => {
              await command(client, 'XADD', name, '*', 'body', body(index, turn));
              return 1;
            },
          },
        ],
      },
      {
        name: `poll ${count}, acknowledge`,
        shredder: work,
        redis: [
          { by: 'Lua, LPOP and ZADD', ask: work },
          { by: 'XREADGROUP, XACK and XDEL', ask: workStream },
        ],
        share: 1 / count,
      },
    ],
  };
}

function sorted(): ModuleCases {
  const members = 10_000;
  const name = 'board';
  const member = (index: number): string => `player${(index * 7_919) % members}`;
  const score = (index: number, turn: Turn): number =>
    (index * 104_729 + turn.number * 31_337) % 1_000_000;
  const add = alike('sortedAdd', (index, turn) => [name, member(index), score(index, turn)]);
  const zadd: Ask = (client, index, turn) =>
    command(client, 'ZADD', name, score(index, turn), member(index));
  const min = (index: number): number => (index * 7_919) % 900_000;
  return {
    module: 'sorted',
    setUp: [{ times: members, shredder: add, redis: [zadd] }],
    operations: [
      { name: 'add', shredder: add, redis: [{ by: 'ZADD', ask: zadd }] },
      {
        name: 'rank',
        shredder: alike('sortedRank', (index) => [name, member(index)]),
        redis: [
          {
            by: 'ZREVRANK',
            ask: (client, index) => command(client, 'ZREVRANK', name, member(index)),
          },
        ],
      },
      {
        name: 'range, the top 10',
        shredder: alike('sortedTop', () => [name, 10]),
        redis: [
          {
            by: 'ZREVRANGE',
            ask: async (client) =>
              flat(await command(client, 'ZREVRANGE', name, 0, 9, 'WITHSCORES')),
          },
        ],
      },
      {
        name: 'rangeByScore, 10',
        shredder: alike('sortedByScore', (index) => [name, min(index), min(index) + 100_000, 10]),
        redis: [
          {
            by: 'ZRANGEBYSCORE',
            ask: async (client, index) => {
              const [low, high] = [min(index), min(index) + 100_000];
              const options = ['WITHSCORES', 'LIMIT', 0, 10];
              return flat(await command(client, 'ZRANGEBYSCORE', name, low, high, ...options));
            },
          },
        ],
      },
    ],
  };
}

function ratelimit(): ModuleCases {
  const names = 50;
  const limit = 15;
  const name =
    (kind: string) =>
    (index: number, turn: Turn): string =>
      `${kind}:${turn.number}:${index % names}`;
  const fixed = name('fixed');
  const log = name('log');
  const takeFixed = alike('rateFixed', (index, turn) => [fixed(index, turn), limit, LONG_MS, 1]);
  const takeLog = alike('rateLog', (index, turn) => [log(index, turn), limit, LONG_MS]);
  return {
    module: 'ratelimit',
    setUp: [],
    operations: [
      {
        name: 'fixedWindow',
        shredder: takeFixed,
        redis: [{ by: 'Lua, INCR and PEXPIRE', ask: takeFixed }],
      },
      {
        name: 'fixedWindow, what remains',
        shredder: alike('rateFixed', (index, turn) => [fixed(index, turn), limit, LONG_MS, 0]),
        redis: [
          {
            by: 'GET',
            ask: async (client, index, turn) => {
              const count = Number(await command(client, 'GET', fixed(index, turn)));
              return [1, Math.max(0, limit - count)];
            },
          },
        ],
      },
      {
        name: 'slidingLog',
        shredder: takeLog,
        redis: [{ by: 'Lua, ZADD and ZCARD', ask: takeLog }],
      },
    ],
  };
}

function lock(): ModuleCases {
  const name = (index: number): string => `job:${index}`;
  const release = alike('lockRelease', (index) => [name(index), OWNER]);
  const acquire =
    (owner: string): Ask =>
    async (client, index) => {
      const options = [owner, 'NX', 'PX', LONG_MS];
      return (await command(client, 'SET', name(index), ...options)) === 'OK' ? 1 : 0;
    };
  return {
    module: 'lock',
    setUp: [],
    operations: [
      {
        name: 'acquire',
        shredder: alike('lockAcquire', (index) => [name(index), OWNER, LONG_MS]),
        redis: [{ by: 'SET NX PX', ask: acquire(OWNER) }],
      },
      {
        name: 'acquire, held by another',
        shredder: alike('lockAcquire', (index) => [name(index), 'another', LONG_MS]),
        redis: [{ by: 'SET NX PX', ask: acquire('another') }],
      },
      {
        name: 'holder',
        shredder: alike('lockHolder', (index) => [name(index)]),
        redis: [{ by: 'GET', ask: (client, index) => command(client, 'GET', name(index)) }],
      },
      { name: 'release', shredder: release, redis: [{ by: LUA, ask: release }] },
    ],
  };
}

function tree(): ModuleCases {
  const name = 'people:';
  const order = (index: number): number => (index * 7_919) % 100_000;
  const entry = (index: number, turn: Turn): string => `person ${turn.number}.${index}`;
  const low = (index: number): number => (index * 104_729) % 90_000;
  const insert = alike('treeInsert', (index, turn) => [name, order(index), entry(index, turn)]);
  const zadd: Ask = (client, index, turn) =>
    command(client, 'ZADD', name, order(index), entry(index, turn));
  return {
    module: 'tree',
    setUp: [{ times: 10_000, shredder: insert, redis: [zadd] }],
    operations: [
      { name: 'insert', shredder: insert, redis: [{ by: 'ZADD', ask: zadd }] },
      {
        name: 'rankAfter, rankOf',
        shredder: alike('treeCount', (index) => [name, low(index), low(index) + 5_000]),
        redis: [
          {
            by: 'ZCOUNT',
            ask: (client, index) => command(client, 'ZCOUNT', name, low(index), low(index) + 5_000),
          },
        ],
      },
      {
        name: 'slice of 10',
        shredder: alike('treeSlice', (index) => [name, low(index), 10]),
        redis: [
          {
            by: 'ZRANGEBYSCORE',
            ask: (client, index) =>
              command(client, 'ZRANGEBYSCORE', name, low(index), '+inf', 'LIMIT', 0, 10),
          },
        ],
      },
    ],
  };
}

function graph(): ModuleCases {
  const nodes = 1_000;
  const links = 10;
  const name = 'people';
  const linkOf =
    (argumentsOf: (index: number, turn: Turn) => [name: string, a: number, b: number]): Ask =>
    (client, index, turn) =>
      fcall(client, 'graphLink', ...argumentsOf(index, turn));
  const setUp = linkOf((index) => {
    const a = index % nodes;
    const j = Math.floor(index / nodes);
    return [name, a, (a + 1 + ((a * 31 + j * j * 173 + 7 * j) % (nodes - 1))) % nodes];
  });
  const link = linkOf((index, turn) => [
    'links',
    (index * 31) % nodes,
    nodes + ((index * 13 + turn.number * 1_009) % 100_000),
  ]);
  const reach = alike('graphReach', (index) => [name, (index * 31) % nodes, 2]);
  const set = (index: number): string => `${name}:${index % nodes}`;
  return {
    module: 'graph',
    setUp: [{ times: nodes * links, shredder: setUp, redis: [setUp] }],
    operations: [
      { name: 'link', shredder: link, redis: [{ by: 'Lua, SADD twice', ask: link }] },
      {
        name: 'neighbours',
        shredder: alike('graphNeighbours', (index) => [name, index % nodes]),
        redis: [
          { by: 'SMEMBERS', ask: (client, index) => command(client, 'SMEMBERS', set(index)) },
        ],
        unordered: 1,
      },
      {
        name: 'commonNeighbours',
        shredder: alike('graphCommon', (index) => [name, index % nodes, (index * 7 + 1) % nodes]),
        redis: [
          {
            by: 'SINTER',
            ask: (client, index) => command(client, 'SINTER', set(index), set(index * 7 + 1)),
          },
        ],
        unordered: 1,
      },
      {
        name: 'reach, 2 hops',
        shredder: reach,
        redis: [{ by: 'Lua, SMEMBERS', ask: reach }],
        share: 0.1,
      },
    ],
  };
}

function stream(startMs: number): ModuleCases {
  const names = 10;
  const stepMs = 10;
  const windowMs = 60_000;
  const paneMs = 1_000;
  const name = (index: number): string => `latency:${index % names}`;
  const at = (index: number, turn: Turn): number =>
    startMs + (turn.number * turn.requests + index) * stepMs;
  const value = (index: number): number => (index * 7_919) % 1_000;
  const last = (turn: Turn): number => at(turn.requests - 1, turn);
  return {
    module: 'stream',
    setUp: [],
    operations: [
      {
        name: 'add',
        shredder: alike('streamAdd', (index, turn) => [name(index), value(index), at(index, turn)]),
        redis: [
          {
            by: 'XADD',
            ask: async (client, index, turn) => {
              const entry = [`${at(index, turn)}-1`, 'value', value(index)];
              await command(client, 'XADD', name(index), 'MAXLEN', '~', 10_000, ...entry);
              return 1;
            },
          },
        ],
      },
      {
        name: 'window of a minute',
        shredder: alike('streamWindow', (index, turn) => [name(index), windowMs, last(turn)]),
        redis: [
          {
            by: 'Lua, XRANGE',
            ask: (client, index, turn) => {
              // A window is some panes, the one under way included.
              const start = (Math.floor(last(turn) / paneMs) + 1) * paneMs - windowMs;
              return fcall(client, 'streamWindow', name(index), start);
            },
          },
        ],
        share: 0.1,
      },
    ],
  };
}

function matrix(): ModuleCases {
  const rows = 500;
  const columns = 64;
  const name = 'embeddings';
  // Small integers: sums are the same in whatever order they are made.
  const vector = (index: number): number[] =>
    Array.from({ length: columns }, (_, i) => ((index * 31 + i * 17 + index * i) % 15) - 7);
  const bytes = (index: number): Buffer => Buffer.from(new Float32Array(vector(index)).buffer);
  const row = (index: number): number => index % rows;
  const setRow = alike('matrixSetRow', (index) => [
    name,
    row(index),
    JSON.stringify(vector(index)),
  ]);
  const set: Ask = async (client, index) => {
    await command(client, 'SET', `${name}:${row(index)}`, bytes(index));
    return 1;
  };
  return {
    module: 'matrix',
    setUp: [
      { times: 1, shredder: alike('matrixCreate', () => [name, rows, columns]), redis: [NOTHING] },
      { times: rows, shredder: setRow, redis: [set] },
    ],
    operations: [
      { name: 'setRow', shredder: setRow, redis: [{ by: 'SET of bytes', ask: set }] },
      {
        name: 'row',
        shredder: (client, index) => client.callBuffer('FCALL', ['matrixRow', 1, name, row(index)]),
        redis: [
          {
            by: 'GET of bytes',
            ask: (client, index) => client.callBuffer('GET', [`${name}:${row(index)}`]),
          },
        ],
      },
      {
        name: 'nearest 10 of 500',
        shredder: alike('matrixNearest', (index) => [name, JSON.stringify(vector(index)), 10]),
        redis: [
          {
            by: 'Lua, MGET',
            ask: (client, index) =>
              fcall(client, 'matrixNearest', name, rows, columns, bytes(index), 10),
          },
        ],
        share: 0.02,
      },
    ],
  };
}

/** Members and scores in turn, which RESP3 has as pairs. */
function flat(reply: unknown): unknown[] {
  return asList(reply).flat();
}

function asList(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : [];
}
