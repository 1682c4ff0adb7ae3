// A session of V8's inspector, over the commands FUNCTION DEBUG.
import type { Redis } from 'ioredis';
import { messageOf } from '../errors.ts';

/** Between two looks at what the inspector has to say, while somebody waits for it. */
const POLL_MS = 10;

/** A notification of the DevTools protocol. */
export interface Notification {
  method: string;
  params: Readonly<Record<string, unknown>>;
}

export interface DebugOptions {
  /** What scripts' URLs begin with; absent: nothing. */
  baseUrl?: string | undefined;
  /** The function whose next call is to be stopped; absent: none. */
  pauseAt?: string | undefined;
}

/** Passes messages to and fro until it is closed. The server forgets one that is not heard of for 10 s. */
export class DebugSession {
  private readonly outgoing: string[] = [];
  private exchange: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;

  private constructor(
    private readonly client: Redis,
    private readonly onMessage: (message: string) => void,
    private readonly onEnd: (why: string) => void,
  ) {}

  /**
   * Opens a session on the client's tenant.
   *
   * @param onMessage Called with each message of the inspector's.
   * @param onEnd Called once where the session ends other than by `close`.
   */
  static async open(
    client: Redis,
    { baseUrl, pauseAt }: DebugOptions,
    onMessage: (message: string) => void,
    onEnd: (why: string) => void,
  ): Promise<DebugSession> {
    const options = [
      ...(baseUrl === undefined ? [] : ['BASE', baseUrl]),
      ...(pauseAt === undefined ? [] : ['PAUSE', pauseAt]),
    ];
    await client.call('FUNCTION', ['DEBUG', 'OPEN', ...options]);
    const session = new DebugSession(client, onMessage, onEnd);
    session.poll();
    return session;
  }

  send(message: string): void {
    this.outgoing.push(message);
    this.poll();
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.end();
    await this.exchange;
    await this.client.call('FUNCTION', ['DEBUG', 'CLOSE']).catch(() => undefined);
  }

  private poll(): void {
    if (this.exchange !== undefined || this.isClosed) return;
    clearTimeout(this.timer);
    this.exchange = this.exchangeOnce().finally(() => {
      this.exchange = undefined;
      if (this.isClosed) return;
      if (this.outgoing.length > 0) this.poll();
      else this.timer = setTimeout(() => this.poll(), POLL_MS);
    });
  }

  private async exchangeOnce(): Promise<void> {
    const messages = this.outgoing.splice(0);
    try {
      const reply = await this.client.call('FUNCTION', ['DEBUG', 'EXCHANGE', ...messages]);
      for (const each of reply as string[]) this.onMessage(each);
    } catch (error) {
      if (this.isClosed) return;
      this.end();
      this.onEnd(messageOf(error));
    }
  }

  private end(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
  }
}

/** Asks the inspector, and waits for its answers. */
export class Inspector {
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private readonly listeners = new Set<(notification: Notification) => void>();
  private session: DebugSession | undefined;
  private lastId = 0;
  private ended: string | undefined;

  static async open(client: Redis, options: DebugOptions = {}): Promise<Inspector> {
    const inspector = new Inspector();
    inspector.session = await DebugSession.open(
      client,
      options,
      (message) => inspector.receive(message),
      (why) => inspector.end(why),
    );
    return inspector;
  }

  on(listener: (notification: Notification) => void): void {
    this.listeners.add(listener);
  }

  /** @throws Error where the inspector refuses, or the session ends. */
  async ask(method: string, params: object = {}): Promise<Readonly<Record<string, unknown>>> {
    if (this.ended !== undefined) throw new Error(this.ended);
    const id = ++this.lastId;
    const answered = new Promise<Answer>((resolve) => this.waiting.set(id, resolve));
    this.session?.send(JSON.stringify({ id, method, params }));
    const { result = {}, error } = await answered;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  async close(): Promise<void> {
    await this.session?.close();
    this.end('the session was closed');
  }

  private receive(text: string): void {
    const message = JSON.parse(text) as Answer & Partial<Notification> & { id?: number };
    if (message.id !== undefined) {
      this.waiting.get(message.id)?.(message);
      this.waiting.delete(message.id);
    } else if (message.method !== undefined) {
      const notification = { method: message.method, params: message.params ?? {} };
      for (const each of this.listeners) each(notification);
    }
  }

  private end(why: string): void {
    this.ended ??= why;
    for (const answer of this.waiting.values()) answer({ error: { message: why } });
    this.waiting.clear();
  }
}

interface Answer {
  result?: Readonly<Record<string, unknown>>;
  error?: { message: string };
}
