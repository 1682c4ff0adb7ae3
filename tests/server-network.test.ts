// A server's network, where the runtime is built without network cards.
import test from 'ava';
import { startServer } from './support/server.ts';

test('a network card that this build cannot have is refused in one line, with the remedy', async (t) => {
  const config = `[server]
network = "dpdk"
shards = 0
port = 7379
[dpdk]
device = "0000:03:00.1"
address = "10.0.0.2/24"
[[tenant]]
name = "a"
password = "secret"
`;
  await t.throwsAsync(startServer({ config, port: 7_379 }), {
    message:
      /^shredderd did not start: shredderd: network is dpdk, and this shredderd was built without it \(build it by `npx shredder build --with dpdk`\)$/,
  });
});

test('INFO says over which network a server is reached', async (t) => {
  const server = await startServer();
  t.teardown(() => server.stop());
  const { Redis } = await import('ioredis');
  const redis = new Redis({ port: server.port });
  t.teardown(() => redis.disconnect());
  t.is(await redis.info('network'), '# Network\r\nnetwork:kernel\r\n');
});
