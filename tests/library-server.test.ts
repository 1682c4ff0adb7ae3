// The modules that authors import, in the store itself.
import { fileURLToPath } from 'node:url';
import anyTest, { type TestFn } from 'ava';
import { Redis } from 'ioredis';
import 'shredder-functions/register';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import { startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';

// Imported once `shredder:store` resolves.
const { LIBRARY_SCENARIOS } = await import('./fixtures/library_scenarios.ts');

const SCENARIOS = fileURLToPath(new URL('fixtures/library_scenarios.ts', import.meta.url));

const test = anyTest as TestFn;
let server: Server;
let client: Redis<'resp3'>;

test.before(async () => {
  server = await startServer({});
  client = new Redis({ port: server.port, protocol: 3, replyMapping: 'resp3' });
  await client.call('FUNCTION', ['LOAD', await bundleLibrary(SCENARIOS, 'scenarios')]);
});

test.after.always(async (t) => {
  client?.disconnect();
  if (server !== undefined) await stopsWell(t, server);
});

LIBRARY_SCENARIOS.forEach(({ title, gives }, index) => {
  test.serial(title, async (t) => {
    await client.flushall();
    const reply = await client.call('FCALL', ['scenario', 0, String(index)]);
    t.deepEqual(JSON.parse(String(reply)), gives);
  });
});
