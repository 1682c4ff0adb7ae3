// Languages in the store, beside Node's own.
import { fileURLToPath } from 'node:url';
import anyTest, { type TestFn } from 'ava';
import { Redis } from 'ioredis';
import 'shredder-functions/register';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import { startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';
import { INTL_SCENARIOS } from './fixtures/intl_scenarios.ts';

const test = anyTest as TestFn;
const FIXTURE = fileURLToPath(new URL('fixtures/intl_scenarios.ts', import.meta.url));
// A process of its own with hostile code in it opens no file: ICU's data must be there all the same.
const ISOLATIONS = ['isolate', 'process'] as const;
let server: Server;
const clients: Redis<'resp3'>[] = [];

test.before(async () => {
  const tenants = ISOLATIONS.map(
    (isolation) =>
      `[[tenant]]\nname = "${isolation}"\npassword = "${isolation}"\nisolation = "${isolation}"`,
  );
  server = await startServer({ config: tenants.join('\n') });
  const library = await bundleLibrary(FIXTURE, 'intl');
  for (const isolation of ISOLATIONS) {
    const client = new Redis({
      port: server.port,
      username: isolation,
      password: isolation,
      protocol: 3,
      replyMapping: 'resp3',
    });
    clients.push(client);
    await client.call('FUNCTION', ['LOAD', library]);
  }
});

test.after.always(async (t) => {
  for (const client of clients) client.disconnect();
  await stopsWell(t, server);
});

/** What a client receives: text as it is, the rest as JSON has it. */
const received = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown;

INTL_SCENARIOS.forEach(({ title, run }, index) => {
  test.serial(title, async (t) => {
    const expected = received(run());
    for (const client of clients) {
      t.deepEqual(received(await client.call('FCALL', ['intl', 0, index])), expected);
    }
  });
});
