// Calls the functions of a server with their types: npm run fill -- redis://127.0.0.1:7379
import { Redis } from 'ioredis';
import { client } from 'shredder-functions/client';

async function main(url = 'redis://127.0.0.1:7379'): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: 1 });
  try {
    // For its types alone: nothing of the library is loaded here.
    const cart = client<typeof import('../functions/cart.ts')>(redis);
    await cart.addToCart({ keys: ['cart:17'], args: { article: 'apple', pieces: 2 } });
    for (const [article, pieces] of await cart.piecesInCart({ keys: ['cart:17'] })) {
      console.log(`${pieces} x ${article}`);
    }
  } finally {
    redis.disconnect();
  }
}

void main(process.argv[2]);
