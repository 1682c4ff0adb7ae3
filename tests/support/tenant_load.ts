// One tenant's clients: several connections that write, call functions and load libraries, and know
// at every moment what the tenant's store and libraries must be.
import { accountKeys, ACCOUNTS_LIBRARY, CallLedger, checkAccounts } from './accounts.ts';
import { type Values, WriteLedger } from './random_writes.ts';
import { type Argument, RawClient } from './resp.ts';
import { type Credentials, type Part, SteadyClient } from './steady_client.ts';

const WRITERS = [1, 2];
const CALLERS = [3, 4];
const WRITES_AT_ONCE = 20;
const LARGE_EVERY = 200;
/** For so long at most a key is there that is to expire soon. */
export const SHORT_LIFE_MS = 300;

/** What was acknowledged to a tenant's clients. */
export interface Counts {
  writes: number;
  calls: number;
  loads: number;
}

export class TenantLoad {
  readonly clients: SteadyClient[];
  private readonly writers: WriterPart[];
  private readonly callers: CallerPart[];
  private readonly loader = new LoaderPart();

  constructor(
    private readonly address: { port: number },
    readonly credentials: Credentials,
    random: () => number,
  ) {
    this.writers = WRITERS.map((client) => new WriterPart(client, random));
    this.callers = CALLERS.map((client) => new CallerPart(client, random));
    this.clients = [...this.writers, ...this.callers, this.loader].map(
      (part) => new SteadyClient(address, credentials, part),
    );
  }

  async open(): Promise<void> {
    await this.withConnection(async (connection) => {
      for (const reply of await connection.pipeline([
        ['FUNCTION', 'LOAD', ACCOUNTS_LIBRARY],
        ['FCALL', 'open', 0],
        ['FUNCTION', 'LOAD', versionLibrary(0)],
      ])) {
        if (isError(reply)) throw new Error(reply.toString());
      }
    });
  }

  /** Until all are told to stop. */
  async run(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.run()));
  }

  stop(): void {
    for (const client of this.clients) client.stop();
  }

  get closures(): number {
    return this.clients.reduce((sum, { closures }) => sum + closures, 0);
  }

  get acknowledged(): Counts {
    const sum = (parts: readonly { ledger: { acknowledged: number } }[]): number =>
      parts.reduce((count, { ledger }) => count + ledger.acknowledged, 0);
    return {
      writes: sum(this.writers),
      calls: sum(this.callers),
      loads: this.loader.acknowledged,
    };
  }

  /** Once all have stopped: throws where the tenant has not all that it must, or has more. */
  async check(): Promise<void> {
    await this.withConnection(async (connection) => {
      const keys = bulksOf(await connection.call('KEYS', '*')) as string[];
      const values: Values = new Map();
      for (let i = 0; i < keys.length; i += 100) {
        const some = keys.slice(i, i + 100);
        const replies = await connection.pipeline(valueQuestions(some));
        for (const [key, held] of valuesOf(some, replies)) values.set(key, held);
      }
      for (const { ledger } of this.writers) {
        const own = new Map([...values].filter(([key]) => ledger.owns(key)));
        ledger.settle(own);
        for (const key of own.keys()) values.delete(key);
      }
      const stored = (key: string): string | undefined => values.get(key)?.text;
      checkAccounts(stored, CALLERS);
      for (const { ledger } of this.callers) ledger.settle(stored);
      for (const key of accountKeys(CALLERS)) values.delete(key);
      if (values.size > 0) throw new Error(`keys of nobody: ${[...values.keys()].join(' ')}`);
      this.loader.settle(await connection.pipeline(this.loader.questions()));
    });
  }

  private async withConnection(use: (connection: RawClient) => Promise<void>): Promise<void> {
    const connection = await RawClient.connect(this.address);
    try {
      const { name, password } = this.credentials;
      const welcome = await connection.text('AUTH', name, password);
      if (welcome !== '+OK\r\n') throw new Error(welcome);
      await use(connection);
    } finally {
      await connection.close();
    }
  }
}

// --- Parts ----------------------------------------------------------------------------------------

/** Writes values, small and large, and keys that expire at once, which are of no account. */
class WriterPart implements Part {
  readonly ledger: WriteLedger;
  private uncertain: string[] = [];
  /** For each request that has no reply, whether it is the ledger's. */
  private isLedgers: boolean[] = [];

  constructor(
    private readonly client: number,
    private readonly random: () => number,
  ) {
    this.ledger = new WriteLedger(client, random, { largeEvery: LARGE_EVERY });
  }

  questions(): Argument[][] {
    this.uncertain = this.ledger.uncertain();
    return this.uncertain.length === 0 ? [] : valueQuestions(this.uncertain);
  }

  settle(answers: readonly Buffer[]): void {
    this.isLedgers = [];
    if (this.uncertain.length === 0) return;
    this.ledger.settle(valuesOf(this.uncertain, answers), this.uncertain);
  }

  next(): Argument[][] {
    const short = `short:${this.client}:${Math.floor(this.random() * 100)}`;
    const lifeMs = 1 + Math.floor(this.random() * SHORT_LIFE_MS);
    const writes = this.ledger.next(WRITES_AT_ONCE);
    this.isLedgers.push(false, ...writes.map(() => true));
    return [['SET', short, 'x'.repeat(100), 'PX', lifeMs], ...writes];
  }

  take(reply: Buffer): void {
    if (this.isLedgers.shift()) {
      this.ledger.take(reply);
    } else if (isError(reply)) {
      throw new Error(reply.toString());
    }
  }
}

/** Calls the function that moves amounts between accounts. */
class CallerPart implements Part {
  readonly ledger: CallLedger;

  constructor(client: number, random: () => number) {
    this.ledger = new CallLedger(client, random);
  }

  questions(): Argument[][] {
    return [['MGET', ...accountKeys(CALLERS)]];
  }

  settle(answers: readonly Buffer[]): void {
    const texts = bulksOf(answers[0] as Buffer);
    const values = new Map(accountKeys(CALLERS).map((key, i) => [key, texts[i]]));
    const stored = (key: string): string | undefined => values.get(key);
    checkAccounts(stored, CALLERS);
    this.ledger.settle(stored);
  }

  next(): Argument[][] {
    return this.ledger.next();
  }

  take(reply: Buffer): void {
    this.ledger.take(reply);
  }
}

/** Replaces a library by its next version, and calls it. */
class LoaderPart implements Part {
  acknowledged = 0;
  private sent = 0;
  private callIsNext = false;

  questions(): Argument[][] {
    return [['FCALL', 'version', 0]];
  }

  settle(answers: readonly Buffer[]): void {
    const version = Number(/^:(\d+)\r\n$/.exec((answers[0] as Buffer).toString())?.[1]);
    if (!(version >= this.acknowledged && version <= this.sent)) {
      throw new Error(
        `a library answers ${answers[0]?.toString()}; ${this.acknowledged} was acknowledged, ` +
          `${this.sent} sent`,
      );
    }
    this.acknowledged = this.sent = version;
    this.callIsNext = false;
  }

  next(): Argument[][] {
    return [
      ['FUNCTION', 'LOAD', 'REPLACE', versionLibrary(++this.sent)],
      ['FCALL', 'version', 0],
    ];
  }

  take(reply: Buffer): void {
    const due = this.callIsNext ? `:${this.acknowledged}\r\n` : '$8\r\nversions\r\n';
    if (reply.toString() !== due) throw new Error(`${reply.toString()} in place of ${due}`);
    if (!this.callIsNext) this.acknowledged++;
    this.callIsNext = !this.callIsNext;
  }
}

function versionLibrary(version: number): string {
  return `#!js name=versions\nexport function version() { return ${version}n; }`;
}

// --- Replies --------------------------------------------------------------------------------------

function isError(reply: Buffer): boolean {
  return reply[0] === '-'.charCodeAt(0);
}

function valueQuestions(keys: readonly string[]): Argument[][] {
  return [['MGET', ...keys], ...keys.map((key) => ['PTTL', key])];
}

/** Those of the keys that are there, as the replies to `valueQuestions` say. */
function valuesOf(keys: readonly string[], [texts, ...ttls]: readonly Buffer[]): Values {
  const values: Values = new Map();
  for (const [i, text] of bulksOf(texts as Buffer).entries()) {
    if (text === undefined) continue;
    values.set(keys[i] as string, { text, expires: ttls[i]?.toString() !== ':-1\r\n' });
  }
  return values;
}

/** The strings of an array, one character a byte; undefined for null. */
function bulksOf(reply: Buffer): (string | undefined)[] {
  if (reply[0] !== '*'.charCodeAt(0)) throw new Error(reply.toString());
  const texts: (string | undefined)[] = [];
  for (let at = reply.indexOf('\n') + 1; at < reply.length; ) {
    const end = reply.indexOf('\r\n', at);
    const length = Number(reply.toString('latin1', at + 1, end));
    at = end + 2;
    texts.push(length < 0 ? undefined : reply.toString('latin1', at, at + length));
    if (length >= 0) at += length + 2;
  }
  return texts;
}
