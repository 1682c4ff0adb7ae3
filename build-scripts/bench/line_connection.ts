import { connect, type Socket } from 'node:net';
import { UserError } from '../errors.ts';

const LINE_END = 0x0a;
const ERROR = 0x2d;
const CLOSED = 'the server closed a connection';

/** A request and the number of its reply's lines. */
export interface LineRequest {
  request: Buffer;
  lines: number;
}

/**
 * A connection for loads: requests are bytes that are made once, and of replies only the number of
 * lines counts, so that thousands of connections cost their client little.
 */
export class LineConnection {
  readonly #socket: Socket;
  #wanted = 0;
  #done: ((error?: Error) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#onData(bytes));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new UserError(CLOSED)));
  }

  static async open(port: number): Promise<LineConnection> {
    const socket = connect({ port, host: '127.0.0.1' });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new LineConnection(socket);
  }

  /** Sends a request whose reply has so many lines, and calls `done` once they are there. */
  send(request: Buffer, lines: number, done: (error?: Error) => void): void {
    this.#wanted = lines;
    this.#done = done;
    if (this.#socket.destroyed) this.#end(new UserError(CLOSED));
    else this.#socket.write(request);
  }

  async ask(request: Buffer, lines: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.send(request, lines, (error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  close(): void {
    this.#done = undefined;
    this.#socket.destroy();
  }

  #onData(bytes: Buffer): void {
    if (bytes[0] === ERROR) {
      this.#end(new UserError(`the server replied ${bytes.toString('latin1').trim()}`));
      return;
    }
    for (const byte of bytes) if (byte === LINE_END) this.#wanted--;
    if (this.#wanted <= 0) this.#end();
  }

  #end(error?: Error): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(error);
  }
}

/** A request in RESP. */
export function requestOf(...args: readonly (string | number)[]): Buffer {
  const parts = args.map((arg) => `$${Buffer.byteLength(String(arg))}\r\n${arg}\r\n`);
  return Buffer.from(`*${args.length}\r\n${parts.join('')}`);
}
