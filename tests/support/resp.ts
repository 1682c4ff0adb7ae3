// A client that keeps replies as the bytes that arrive, for tests of the protocol itself.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PATIENCE_MS } from './patience.ts';

/** Where a server listens, on the loopback unless it says; a password is sent, and OK awaited, first. */
export type Address = { port: number; host?: string; password?: string } | { path: string };

export type Argument = string | number | Buffer;

/** A request as clients send it: an array of bulk strings. */
export function encodeRequest(args: readonly Argument[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

/** The offset behind the reply at `start`, or undefined where it has not arrived whole. */
export function endOfReply(bytes: Buffer, start: number): number | undefined {
  let open = 1;
  let at = start;
  while (open > 0) {
    const line = bytes.indexOf('\r\n', at, 'latin1');
    if (line === -1) return undefined;
    const type = String.fromCharCode(bytes[at] ?? 0);
    const text = bytes.toString('latin1', at + 1, line);
    at = line + 2;
    open--;
    switch (type) {
      case '+':
      case '-':
      case ':':
      case '_':
      case '#':
      case ',':
      case '(':
        break;
      case '$':
      case '=':
        if (text !== '-1') at += lengthIn(text) + 2;
        if (at > bytes.length) return undefined;
        break;
      case '*':
      case '~':
      case '>':
        if (text !== '-1') open += lengthIn(text);
        break;
      case '%':
        open += 2 * lengthIn(text);
        break;
      default:
        throw new Error(`no reply starts with ${JSON.stringify(type)}`);
    }
  }
  return at;
}

function lengthIn(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Error(`no length: ${JSON.stringify(text)}`);
  return Number(text);
}

interface Waiter {
  resolve: (reply: Buffer) => void;
  reject: (reason: Error) => void;
  timer: NodeJS.Timeout;
}

/** One connection; replies are handed out in the order of their arrival. */
export class RawClient {
  /** Settles when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;
  private chunks: Buffer[] = [];
  private size = 0; // of the chunks
  private wanted = 0; // so many bytes there must be before they are looked at again
  private readonly replies: Buffer[] = [];
  private readonly waiters: Waiter[] = [];
  private failure: Error | undefined;

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.receive(chunk));
    socket.on('error', (error) => this.fail(error));
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.fail(new Error('the server closed the connection'));
        resolve();
      });
    });
  }

  static async connect(address: Address): Promise<RawClient> {
    if (!('port' in address)) {
      const socket = connect(address.path);
      await once(socket, 'connect');
      return new RawClient(socket);
    }
    const { port, host = '127.0.0.1', password } = address;
    const socket = connect(port, host);
    await once(socket, 'connect');
    const client = new RawClient(socket);
    if (password !== undefined) {
      const reply = await client.call('AUTH', password);
      if (reply.toString() !== '+OK\r\n') throw new Error(`AUTH was answered ${String(reply)}`);
    }
    return client;
  }

  write(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  /** Bytes that arrived behind the last whole reply. */
  get unfinished(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** Whole replies that arrived and were not asked for yet. */
  get pending(): number {
    return this.replies.length;
  }

  /** The next reply's bytes; rejects where the connection ends before it. */
  reply(): Promise<Buffer> {
    const ready = this.replies.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resolve,
        reject,
        timer: setTimeout(() => {
          this.fail(new Error(`no reply in ${PATIENCE_MS} ms`));
          this.socket.destroy();
        }, PATIENCE_MS),
      };
      this.waiters.push(waiter);
    });
  }

  async call(...args: Argument[]): Promise<Buffer> {
    this.write(encodeRequest(args));
    return this.reply();
  }

  /** The reply as text, one character a byte. */
  async text(...args: Argument[]): Promise<string> {
    return (await this.call(...args)).toString('latin1');
  }

  /** Sends the requests at once; their replies in order. */
  async pipeline(requests: readonly (readonly Argument[])[]): Promise<Buffer[]> {
    this.write(Buffer.concat(requests.map(encodeRequest)));
    const replies: Buffer[] = [];
    for (const _ of requests) replies.push(await this.reply());
    return replies;
  }

  /** Stops reading, so that what the server sends stays with it. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Sends no more, and reads on. */
  end(): void {
    this.socket.end();
  }

  /** Ends the connection in the middle of whatever goes on, by a reset. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Ends the connection from this side and waits until it is gone. */
  async close(): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }

  private receive(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.size += chunk.length;
    if (this.size < this.wanted) return;
    const bytes = this.unfinished;
    let start = 0;
    try {
      for (;;) {
        if (start === bytes.length) break;
        const end = endOfReply(bytes, start);
        if (end === undefined) break;
        this.deliver(Buffer.from(bytes.subarray(start, end)));
        start = end;
      }
    } catch (error) {
      this.fail(error as Error);
      this.socket.destroy();
    }
    const rest = bytes.subarray(start);
    this.chunks = [rest];
    this.size = rest.length;
    // A large value comes in thousands of chunks.
    const header = /^\$(\d+)\r\n/.exec(rest.toString('latin1', 0, 16));
    this.wanted = header === null ? 0 : header[0].length + Number(header[1]) + 2;
  }

  private deliver(reply: Buffer): void {
    const waiter = this.waiters.shift();
    if (waiter === undefined) {
      this.replies.push(reply);
      return;
    }
    clearTimeout(waiter.timer);
    waiter.resolve(reply);
  }

  private fail(reason: Error): void {
    this.failure ??= reason;
    for (const waiter of this.waiters.splice(0)) {
      clearTimeout(waiter.timer);
      waiter.reject(this.failure);
    }
  }
}
