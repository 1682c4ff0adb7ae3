// Debugging and profiling: what `shredder debug` and `shredder profile` show of functions in the store.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { execa } from 'execa';
import { WebSocket } from 'ws';
import { startEndpoint } from '../build-scripts/debug/endpoint.ts';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import { functionTimes, type CpuProfile } from '../build-scripts/profile/cpu_profile.ts';
import { flameGraph } from '../build-scripts/profile/flame_graph.ts';
import { PROGRAM, shredder } from './support/command_line.ts';
import { eventually } from './support/eventually.ts';
import { firstLine } from './support/first_line.ts';
import { temporaryFolder } from './support/folder.ts';
import { RawClient } from './support/resp.ts';
import { serverFor, type Server } from './support/server.ts';
import { ALICE, BOB, twoTenants } from './support/tenants.ts';

const test = anyTest as TestFn<{ server: Server; folder: string }>;

const SOURCE = [
  "import { HTSet } from 'shredder:store';",
  'function square(side: number): number {',
  '  const area = side * side;',
  '  return area;',
  '}',
  'export function area(keys: string[], args: string[]): number {',
  "  HTSet(keys[0] ?? 'k', String(square(Number(args[0]))));",
  '  return square(Number(args[0]));',
  '}',
  'function busy(rounds: number): number {',
  '  let sum = 0;',
  '  for (let i = 0; i < rounds; i++) sum += Math.sqrt(i);',
  '  return sum;',
  '}',
  'export function work(): boolean {',
  '  return busy(300_000) > 0;',
  '}',
].join('\n');

type Test = ExecutionContext<{ server: Server; folder: string }>;

/** A server of the test's own, with the library. */
async function begin(t: Test): Promise<void> {
  const folder = await temporaryFolder(t, { 'shapes.ts': SOURCE });
  const server = await serverFor(t);
  t.context = { server, folder };
  const raw = await client(t);
  const code = await bundleLibrary(path.join(folder, 'shapes.ts'), 'shapes');
  t.is(await raw.text('FUNCTION', 'LOAD', code), '$6\r\nshapes\r\n');
}

async function client(t: ExecutionContext<{ server: Server }>): Promise<RawClient> {
  const raw = await RawClient.connect(t.context.server);
  t.teardown(() => raw.close());
  return raw;
}

interface Message {
  id?: number;
  method?: string;
  params: {
    url: string;
    sourceMapURL: string;
    callFrames: { callFrameId: string; functionName: string; location: { lineNumber: number } }[];
  };
  result: { result: { value: unknown }; breakpointId: string };
}

/** What a debugger does: asks, and waits for what it is told. */
class Frontend {
  private readonly messages: Message[] = [];
  private lastId = 0;

  private constructor(private readonly ws: WebSocket) {
    ws.on('message', (data) => this.messages.push(JSON.parse(String(data)) as Message));
  }

  static async attach(t: ExecutionContext, url: string): Promise<Frontend> {
    const ws = new WebSocket(url);
    t.teardown(() => ws.terminate());
    await new Promise((resolve, reject) => {
      ws.once('open', resolve);
      ws.once('error', reject);
    });
    return new Frontend(ws);
  }

  async ask(method: string, params: object = {}): Promise<Message> {
    const id = ++this.lastId;
    this.ws.send(JSON.stringify({ id, method, params }));
    return this.told((message) => message.id === id);
  }

  async event(method: string, matches: (message: Message) => boolean = () => true) {
    return this.told((message) => message.method === method && matches(message));
  }

  /** The first such message; it is not found again. */
  private async told(matches: (message: Message) => boolean): Promise<Message> {
    await eventually('the message has come', () => this.messages.some(matches));
    const [message] = this.messages.splice(this.messages.findIndex(matches), 1);
    return message as Message;
  }
}

function startDebug(t: Test, ...args: string[]) {
  const command = ['debug', ...args, '--url', t.context.server.url, '--port', '0'];
  return execa(process.execPath, [PROGRAM, ...command, '--root', t.context.folder], {
    reject: false,
  });
}

/** Starts `shredder debug`, and gives the address that it prints. */
async function debug(t: Test, ...args: string[]): Promise<string> {
  const run = startDebug(t, ...args);
  t.teardown(async () => {
    run.kill('SIGINT');
    const { exitCode } = await run;
    if (exitCode !== 0) throw new Error(`shredder debug ended with ${exitCode}`);
  });
  return await firstLine(run.stdout);
}

test('a breakpoint in TypeScript stops the function, whose variables are seen and changed, and that tenant alone waits', async (t) => {
  await begin(t);
  const frontend = await Frontend.attach(t, await debug(t));
  await frontend.ask('Runtime.enable');
  await frontend.ask('Debugger.enable');
  const script = await frontend.event('Debugger.scriptParsed', ({ params }) =>
    params.url.endsWith('/shapes.js'),
  );
  // Sources lie beside the script, where the author's files are.
  t.is(script.params.url, pathToFileURL(path.join(t.context.folder, 'shapes.js')).href);
  const map = JSON.parse(
    Buffer.from(script.params.sourceMapURL.replace(/^.*base64,/, ''), 'base64').toString(),
  ) as { sources: string[] };
  t.true(map.sources.includes('shapes.ts'));

  const code = (await readCode(t)).split('\n');
  const lineNumber = code.findIndex((line) => line.includes('side * side'));
  const set = await frontend.ask('Debugger.setBreakpointByUrl', {
    url: script.params.url,
    lineNumber,
  });
  t.truthy(set.result.breakpointId);

  const caller = await client(t);
  const other = await client(t);
  const reply = caller.text('FCALL', 'area', '1', 'written', '6');
  const first = await frontend.event('Debugger.paused');
  t.deepEqual(
    first.params.callFrames.map((each) => each.functionName),
    ['square', 'area'],
  );
  t.is(first.params.callFrames[0]?.location.lineNumber, lineNumber);
  t.is(await other.text('PING'), '+PONG\r\n');
  const side = await frontend.ask('Debugger.evaluateOnCallFrame', {
    callFrameId: first.params.callFrames[0]?.callFrameId,
    expression: 'side',
  });
  t.is(side.result.result.value, 6);
  await frontend.ask('Debugger.resume');
  const second = await frontend.event('Debugger.paused');
  await frontend.ask('Debugger.evaluateOnCallFrame', {
    callFrameId: second.params.callFrames[0]?.callFrameId,
    expression: 'side = 7',
  });
  await frontend.ask('Debugger.resume');
  t.is(await reply, '$2\r\n49\r\n');
  t.is(await other.text('GET', 'written'), '$2\r\n36\r\n');
});

test('the function that is named stops at its next call, at its first statement', async (t) => {
  await begin(t);
  const frontend = await Frontend.attach(t, await debug(t, 'area'));
  await frontend.ask('Debugger.enable');
  const caller = await client(t);
  const reply = caller.text('FCALL', 'area', '0', '3');
  const paused = await frontend.event('Debugger.paused');
  t.is(paused.params.callFrames[0]?.functionName, 'area');
  await frontend.ask('Debugger.resume');
  t.is(await reply, '$1\r\n9\r\n');
  t.is(await caller.text('FCALL', 'area', '0', '4'), '$2\r\n16\r\n');
});

test('a function that is stopped goes on when its debugger leaves', async (t) => {
  await begin(t);
  const frontend = await Frontend.attach(t, await debug(t, 'area'));
  await frontend.ask('Debugger.enable');
  const caller = await client(t);
  const reply = caller.text('FCALL', 'area', '0', '3');
  await frontend.event('Debugger.paused');
  frontend['ws'].terminate();
  t.is(await reply, '$1\r\n9\r\n');
});

test('a debugger that attaches as soon as another has left has a session', async (t) => {
  await begin(t);
  const url = await debug(t);
  for (let i = 0; i < 20; i++) {
    const frontend = await Frontend.attach(t, url);
    await frontend.ask('Debugger.enable');
    frontend['ws'].close();
    await once(frontend['ws'], 'close');
  }
  t.pass();
});

test('the session ends with the program, and the program with the server', async (t) => {
  await begin(t);
  const raw = await client(t);
  const first = startDebug(t);
  await (await Frontend.attach(t, await firstLine(first.stdout))).ask('Debugger.enable');
  t.is(await raw.text('FUNCTION', 'DEBUG', 'EXCHANGE'), '*0\r\n');
  first.kill('SIGINT');
  t.is((await first).exitCode, 0);
  t.regex(await raw.text('FUNCTION', 'DEBUG', 'EXCHANGE'), /^-ERR no debugger is open/);

  const second = startDebug(t);
  await firstLine(second.stdout);
  await t.context.server.stop();
  const { exitCode, stderr } = await second;
  t.is(exitCode, 1);
  t.regex(stderr, /^shredder: .* (?:has closed the connection|connection to .*)$/);
});

test('an endpoint ends at once, whoever is connected, and sends away with any reason', async (t) => {
  let why = '';
  const endpoint = await startEndpoint(0, 'title', (frontend) => {
    frontend.close(why);
    return Promise.resolve({ receive: () => undefined, close: () => Promise.resolve() });
  });
  const { port, pathname } = new URL(endpoint.url);
  for (const [reason, told] of [
    ['gone', 'gone'],
    ['€'.repeat(100), '€'.repeat(40)],
    [`a${'€'.repeat(100)}`, `a${'€'.repeat(39)}\ufffd`],
  ] as const) {
    why = reason;
    const ws = new WebSocket(endpoint.url);
    const [code, text] = (await once(ws, 'close')) as [number, Buffer];
    t.deepEqual([code, String(text)], [1011, told]);
  }
  const silent = connect({ port: Number(port), host: '127.0.0.1' });
  await once(silent, 'connect');
  const refused = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
  t.teardown(() => [silent, refused].map((each) => each.destroy()));
  refused.write(
    `GET ${pathname}/else HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  );
  const [reply] = (await once(refused, 'data')) as [Buffer];
  t.regex(String(reply), /^HTTP\/1\.1 403 /);
  await endpoint.close();
});

test('a port that is taken is one line that says so', async (t) => {
  await begin(t);
  const { port } = new URL(await debug(t));
  const run = await shredder(['debug', '--url', t.context.server.url, '--port', port]);
  t.is(run.exitCode, 1);
  t.regex(
    run.stderr,
    /^shredder: port \d+ of 127\.0\.0\.1 is taken, .*\n {2}Give another with --port/,
  );
});

test('FUNCTION KILL ends a function that is stopped, and undoes its writes', async (t) => {
  await begin(t);
  const frontend = await Frontend.attach(t, await debug(t, 'area'));
  await frontend.ask('Debugger.enable');
  const caller = await client(t);
  const reply = caller.text('FCALL', 'area', '1', 'killed', '3');
  await frontend.event('Debugger.paused');
  t.is(await (await client(t)).text('FUNCTION', 'KILL'), '+OK\r\n');
  t.regex(await reply, /^-ERR function was killed by FUNCTION KILL, its writes are undone/);
  t.is(await caller.text('GET', 'killed'), '$-1\r\n');
});

test('who is no debugger is sent away', async (t) => {
  await begin(t);
  const url = await debug(t);
  const refusal = (address: string, options: object): Promise<string> =>
    new Promise((resolve) => {
      const ws = new WebSocket(address, options);
      ws.on('open', () => resolve('open'));
      ws.on('error', (error) => resolve(error.message));
    });
  t.regex(await refusal(url.replace(/[^/]*$/, 'other'), {}), /403/);
  t.regex(await refusal(url, { origin: 'http://example.com' }), /403/);
  t.regex(await refusal(url, { headers: { Host: 'example.com' } }), /403/);
  const list = await fetch(url.replace('ws:', 'http:').replace(/[^/]*$/, 'json/list'));
  t.like((await list.json()) as object, [{ type: 'node', webSocketDebuggerUrl: url }]);
  await Frontend.attach(t, url);
  t.regex(await refusal(url, {}), /409/);
});

test('a profile has the functions by their TypeScript names, places and times, and a flame graph', async (t) => {
  await begin(t);
  const { server, folder } = t.context;
  const run = await shredder(
    ['profile', 'work', '--seconds', '0.5', '--url', server.url, '--out', 'out'],
    { cwd: folder },
  );
  t.is(run.exitCode, 0, run.stderr);
  t.regex(run.stdout, /^ {4}self {4}total {2}of [\d.]+ ms, \d+ calls\n/);
  t.regex(run.stdout, /%\s+\S+ %\s+busy {2}shapes\.ts:10\n/);
  t.regex(run.stdout, /out\.cpuprofile\nout\.svg$/);
  const profile = JSON.parse(
    await readFile(path.join(folder, 'out.cpuprofile'), 'utf8'),
  ) as CpuProfile;
  const busy = profile.nodes.find(({ callFrame }) => callFrame.functionName === 'busy');
  t.is(busy?.callFrame.url, pathToFileURL(path.join(folder, 'shapes.ts')).href);
  t.is(busy?.callFrame.lineNumber, 9);
  t.true((busy?.positionTicks ?? []).some(({ line }) => line === 12));
  t.true((profile.samples?.length ?? 0) > 10);
  t.regex(
    await readFile(path.join(folder, 'out.svg'), 'utf8'),
    /^<svg [\s\S]*<title>busy \(shapes\.ts:10\), [\d.]+ ms, [\d.]+ %<\/title>[\s\S]*<\/svg>\n$/,
  );
});

test('a tenant that shares its shard is not debugged before it has one of its own', async (t) => {
  const server = await serverFor(t, { config: twoTenants(), flags: ['--shards', '1'] });
  const raw = await RawClient.connect(server);
  t.teardown(() => raw.close());
  await raw.text('AUTH', ALICE.name, ALICE.password);
  t.regex(
    await raw.text('FUNCTION', 'DEBUG', 'OPEN'),
    /^-ERR other tenants share this one's shard, .* TENANT MOVE name OWN\r\n$/,
  );
  t.regex(await raw.text('FUNCTION', 'DEBUG', 'EXCHANGE'), /^-ERR no debugger is open/);
  t.is(BOB.name === ALICE.name, false);
});

test('a debugger ends where another tenant comes to its shard', async (t) => {
  const password = 'a-long-random-text-for-the-operator';
  const tenant = `[[tenant]]\nname = "op"\npassword = "${password}"\nadmin = true\n`;
  const server = await serverFor(t, { config: tenant, flags: ['--shards', '1'] });
  const raw = await RawClient.connect(server);
  t.teardown(() => raw.close());
  await raw.text('AUTH', 'op', password);
  t.is(await raw.text('FUNCTION', 'DEBUG', 'OPEN'), '+OK\r\n');
  t.is(await raw.text('FUNCTION', 'DEBUG', 'EXCHANGE'), '*0\r\n');
  t.is(await raw.text('TENANT', 'CREATE', 'other', 'PASSWORD', `${password}-2`), '+OK\r\n');
  await eventually('the debugger has ended', async () =>
    (await raw.text('FUNCTION', 'DEBUG', 'EXCHANGE')).startsWith('-ERR no debugger is open'),
  );
  t.pass();
});

test('what is wrong with FUNCTION DEBUG is one line', async (t) => {
  await begin(t);
  const raw = await client(t);
  for (const words of [['NOPE'], ['OPEN', 'BASE'], ['OPEN', 'x', 'y'], ['CLOSE', 'x']]) {
    t.regex(
      await raw.text('FUNCTION', 'DEBUG', ...words),
      /^-ERR syntax error, try FUNCTION DEBUG /,
    );
  }
  t.is(await raw.text('FUNCTION', 'DEBUG', 'OPEN', 'PAUSE', 'nope'), '-ERR Function not found\r\n');
  t.is(await raw.text('FUNCTION', 'DEBUG', 'CLOSE'), '+OK\r\n');
  t.regex(
    (await shredder(['debug', '--port', 'x'])).stderr,
    /--port is x, but must be from 0 to 65535/,
  );
});

async function readCode(t: ExecutionContext<{ server: Server }>): Promise<string> {
  const raw = await client(t);
  return (await raw.text('FUNCTION', 'LIST', 'WITHCODE'))
    .replace(/^[\s\S]*?(?=#!js)/, '')
    .replaceAll('\r', '');
}

test('a function that is called by control characters and markup harms neither a terminal nor the SVG', (t) => {
  const callFrame = {
    functionName: '\u001b[2J\n</svg>',
    scriptId: '1',
    url: '',
    lineNumber: -1,
    columnNumber: -1,
  };
  const profile = {
    nodes: [{ id: 1, callFrame }],
    startTime: 0,
    endTime: 2,
    samples: [1, 1],
    timeDeltas: [0, 1000],
  };
  t.is(functionTimes(profile)[0]?.name, '\\x1b[2J </svg>');
  t.regex(
    flameGraph(profile, 'title'),
    /<title>\\x1b\[2J &lt;\/svg&gt;, 1\.0 ms, 100\.0 %<\/title>/,
  );
});
