// A quiet tenant's client that asks one thing after the other, and how long it waits.
import { RawClient } from '../resp.ts';
import type { Credentials } from '../steady_client.ts';

const PAUSE_MS = 2;
const KEYS = Array.from({ length: 100 }, (_, i) => `probe:${i}`);

export class LatencyProbe {
  private times: number[] = [];
  private isStopping = false;
  private running: Promise<void> | undefined;

  private constructor(private readonly connection: RawClient) {}

  static async start(address: { port: number }, credentials: Credentials): Promise<LatencyProbe> {
    const connection = await RawClient.connect(address);
    await connection.call('AUTH', credentials.name, credentials.password);
    const probe = new LatencyProbe(connection);
    probe.running = probe.run();
    // Whoever awaits `stop` is told.
    probe.running.catch(() => undefined);
    return probe;
  }

  /** The time below which 99 of 100 requests were answered since the last time that this was asked. */
  takeP99(): number {
    const sorted = this.times.toSorted((a, b) => a - b);
    this.times = [];
    return sorted[Math.floor(sorted.length * 0.99)] ?? NaN;
  }

  /** Deletes what it has written; throws where its connection has ended meanwhile. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await this.running;
    await this.connection.call('DEL', ...KEYS);
    await this.connection.close();
  }

  private async run(): Promise<void> {
    for (let i = 0; !this.isStopping; i++) {
      const begun = performance.now();
      const key = KEYS[i % KEYS.length] as string;
      const reply = await this.connection.text(...(i % 2 ? ['GET', key] : ['SET', key, 'value']));
      if (reply.startsWith('-')) throw new Error(reply);
      this.times.push(performance.now() - begun);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
