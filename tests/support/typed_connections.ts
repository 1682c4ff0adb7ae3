// Connections of the Redis clients that a typed client works over, in both protocols.
import { GlideClient, ProtocolVersion } from '@valkey/valkey-glide';
import { Redis as Ioredis } from 'ioredis';
import { Redis as Iovalkey } from 'iovalkey';
import { createClient } from 'redis';
import type { RedisConnection } from '../../ts-functions/client/index.ts';
import { PATIENCE_MS } from './patience.ts';

export interface TypedConnection {
  name: string;
  /** To the loopback's port. */
  open(port: number): Promise<{ connection: RedisConnection; close(): Promise<void> }>;
}

const HOST = '127.0.0.1';

/** In each protocol that it speaks. */
export const CONNECTIONS: readonly TypedConnection[] = [
  ...([2, 3] as const).map((protocol) => ({
    name: `ioredis, RESP${protocol}`,
    async open(port: number) {
      const redis = new Ioredis({ port, host: HOST, protocol, lazyConnect: true });
      await redis.connect();
      return { connection: redis, close: async () => redis.disconnect() };
    },
  })),
  {
    name: 'iovalkey, RESP2',
    async open(port) {
      const redis = new Iovalkey({ port, host: HOST, lazyConnect: true });
      await redis.connect();
      return { connection: redis, close: async () => redis.disconnect() };
    },
  },
  ...([2, 3] as const).map((RESP) => ({
    name: `node-redis, RESP${RESP}`,
    async open(port: number) {
      const commandOptions = { timeout: PATIENCE_MS };
      const redis = createClient({
        RESP,
        socket: { port, host: HOST, connectTimeout: PATIENCE_MS },
        commandOptions,
      });
      await redis.connect();
      return { connection: redis, close: async () => redis.destroy() };
    },
  })),
  ...([ProtocolVersion.RESP2, ProtocolVersion.RESP3] as const).map((protocol) => ({
    name: `valkey-glide, RESP${protocol === ProtocolVersion.RESP2 ? 2 : 3}`,
    async open(port: number) {
      const redis = await GlideClient.createClient({
        addresses: [{ host: HOST, port }],
        protocol,
        requestTimeout: PATIENCE_MS,
        advancedConfiguration: { connectionTimeout: PATIENCE_MS },
      });
      return { connection: redis, close: async () => redis.close() };
    },
  })),
];
