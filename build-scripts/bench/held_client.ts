import type { Redis } from 'ioredis';
import { withClient, type Endpoint } from '../client/connection.ts';

/** A client that is connected until it is closed, for what outlasts one piece of work. */
export interface HeldClient {
  client: Redis;
  close: () => Promise<void>;
}

export async function holdClient(endpoint: Endpoint): Promise<HeldClient> {
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  return await new Promise<HeldClient>((resolve, reject) => {
    const work = withClient(endpoint, async (client) => {
      const close = async (): Promise<void> => {
        release();
        await work;
      };
      resolve({ client, close });
      await released;
    });
    work.catch(reject);
  });
}
