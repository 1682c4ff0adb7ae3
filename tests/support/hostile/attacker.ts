// The client of a hostile tenant: loads what is hostile, calls it, and notes how the call ends.
import { placeOf } from '../place.ts';
import { firstThreadCpuMs } from '../process_figures.ts';
import { RawClient } from '../resp.ts';
import { isClosure, type Credentials } from '../steady_client.ts';
import { libraryOf, type Shape } from './shapes.ts';

/** How a call ended. */
export interface Ending {
  shape: Shape;
  how: 'value' | 'error' | 'closed';
  /** The beginning of the reply. */
  reply: string;
  /** Of the shard's thread; undefined where the shard has ended. */
  cpuMs: number | undefined;
}

const SHOWN_CHARACTERS = 160;
const RETRY_MS = 5;
const MOST_CLOSURES = 3;

export class Attacker {
  private connection: RawClient | undefined;
  private shardPid = 0;
  /** The shape whose library is loaded on this connection. */
  private loaded: Shape | undefined;

  constructor(
    private readonly address: { port: number },
    private readonly credentials: Credentials,
  ) {}

  /** Calls the shape, in JavaScript that nothing else has run in where it is another one. */
  async call(shape: Shape): Promise<Ending> {
    const connection = await this.withLoaded(shape);
    const cpuBefore = await firstThreadCpuMs(this.shardPid);
    let reply: Buffer | undefined;
    try {
      reply = await connection.call('FCALL', 'attack', 0);
    } catch (error) {
      if (!isClosure(error)) throw error;
    }
    const cpuAfter = await firstThreadCpuMs(this.shardPid);
    if (reply === undefined) {
      await this.close();
      return { shape, how: 'closed', reply: '', cpuMs: undefined };
    }
    return {
      shape,
      how: reply[0] === '-'.charCodeAt(0) ? 'error' : 'value',
      reply: reply.toString('latin1', 0, SHOWN_CHARACTERS).split('\r\n', 1)[0] ?? '',
      cpuMs: cpuBefore === undefined || cpuAfter === undefined ? undefined : cpuAfter - cpuBefore,
    };
  }

  /** Whether the tenant is served as if nothing had been, on a new connection if need be. */
  async isServed(shape: Shape): Promise<boolean> {
    for (let i = 0; i < MOST_CLOSURES; i++) {
      const connection = await this.withLoaded(shape);
      try {
        return (await connection.text('FCALL', 'harmless', 0)) === ':1\r\n';
      } catch (error) {
        // The shard may be ended for what it did before it answered.
        if (!isClosure(error)) throw error;
        await this.close();
      }
    }
    return false;
  }

  /** Without libraries and keys, as it has begun. */
  async leave(): Promise<void> {
    await this.close();
    const connection = await this.connect();
    await connection.pipeline([['FUNCTION', 'FLUSH'], ['FLUSHALL']]);
    await this.close();
  }

  private async withLoaded(shape: Shape): Promise<RawClient> {
    for (;;) {
      try {
        const connection = await this.connect();
        if (this.loaded !== shape) {
          const library = libraryOf(shape);
          const [, , load] = await connection.pipeline([
            ['FUNCTION', 'FLUSH'],
            ['FLUSHALL'],
            ['FUNCTION', 'LOAD', library],
          ]);
          if (load?.toString() !== '$7\r\nhostile\r\n') throw new Error(`${load}: ${library}`);
          this.loaded = shape;
        }
        return connection;
      } catch (error) {
        if (!isClosure(error)) throw error;
        await this.close();
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  private async connect(): Promise<RawClient> {
    if (this.connection !== undefined) return this.connection;
    const connection = await RawClient.connect(this.address);
    this.connection = connection;
    const { name, password } = this.credentials;
    const welcome = await connection.text('AUTH', name, password);
    if (welcome !== '+OK\r\n') throw new Error(welcome);
    this.shardPid = (await placeOf(connection)).pid;
    return connection;
  }

  private async close(): Promise<void> {
    await this.connection?.close();
    this.connection = undefined;
    this.loaded = undefined;
  }
}
