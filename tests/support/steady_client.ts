// A client that is always there: it connects again by itself, asks what became of what was
// unfinished, and goes on with its part.
import { type Argument, encodeRequest, RawClient } from './resp.ts';

/** What a client asks for, and what it makes of the replies. Each may throw where one is wrong. */
export interface Part {
  /** Requests that tell what became of what is unfinished. */
  questions: () => Argument[][];
  settle: (answers: readonly Buffer[]) => void;
  /** Further requests, which are sent before the last ones are answered. */
  next: () => Argument[][];
  take: (reply: Buffer) => void;
}

export interface Credentials {
  name: string;
  password: string;
}

const RETRY_MS = 5;
/** Between two lots of requests: clients that do without take a small machine from the server. */
const PAUSE_MS = 10;

export class SteadyClient {
  /** How many of its connections the server has ended. */
  closures = 0;
  /** When the connection was begun on which it was answered first; undefined where there is none. */
  servedSince: number | undefined;
  /** Called with `servedSince` when a connection has given its first answer. */
  onServed: (begun: number) => void = () => undefined;
  private isStopping = false;

  constructor(
    private readonly address: { port: number },
    private readonly credentials: Credentials,
    private readonly part: Part,
  ) {}

  /** Until it is told to stop and nothing is unfinished. */
  async run(): Promise<void> {
    let isDone = false;
    while (!isDone) {
      const begun = performance.now();
      let connection: RawClient | undefined;
      try {
        connection = await RawClient.connect(this.address);
        await this.serve(connection, begun);
        isDone = true;
      } catch (error) {
        if (!isClosure(error)) throw error;
        this.closures++;
        this.servedSince = undefined;
        await sleep(RETRY_MS);
      } finally {
        await connection?.close();
      }
    }
  }

  stop(): void {
    this.isStopping = true;
  }

  private async serve(connection: RawClient, begun: number): Promise<void> {
    const { name, password } = this.credentials;
    const [welcome, ...answers] = await connection.pipeline([
      ['AUTH', name, password],
      ...this.part.questions(),
    ]);
    if (welcome?.toString() !== '+OK\r\n') throw new Error(`${name}: ${welcome?.toString()}`);
    this.part.settle(answers);
    this.servedSince = begun;
    this.onServed(begun);
    let due = 0;
    while (!this.isStopping) {
      const requests = this.part.next();
      connection.write(Buffer.concat(requests.map(encodeRequest)));
      for (; due > 0; due--) this.part.take(await connection.reply());
      due = requests.length;
      await sleep(PAUSE_MS);
    }
    for (; due > 0; due--) this.part.take(await connection.reply());
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Whether the server, or who has killed it, has ended the connection. */
export function isClosure(error: unknown): boolean {
  return error instanceof Error && /closed|ECONNRESET|EPIPE/.test(error.message);
}
