// The ways between a client and a server of one machine, each with a server and a load generator of its own.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { UserError } from '../../errors.ts';
import { startServer, type Server } from '../../server/shredderd.ts';
import { LoadGenerator } from '../paper/load_generator.ts';
import { DEADLINE_MS } from '../paper/runtime.ts';

export const TRANSPORTS = ['memif', 'io_uring', 'epoll'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** A server that is reached by a transport, and who puts load on it. */
export interface Ends {
  transport: Transport;
  server: Server;
  port: number;
  generator: LoadGenerator;
  stop: () => Promise<void>;
}

/** Addresses that nobody else sees: the two ends of a memory. */
const SERVER_ADDRESS = '10.255.0.1';
const CLIENT_ADDRESS = '10.255.0.2';
const TENANT = 'bench';
const PASSWORD = 'bench';
/** What each connection says first; the loopback's tenant `default` needs none. */
export function greetingOf(transport: Transport): readonly string[][] {
  return transport === 'memif' ? [['AUTH', TENANT, PASSWORD]] : [];
}

/** One process serves, whichever way: what is compared is the network. */
export async function openTransport(transport: Transport, binDir: string): Promise<Ends> {
  return transport === 'memif' ? await openMemif(binDir) : await openLoopback(transport, binDir);
}

async function openLoopback(backend: 'io_uring' | 'epoll', binDir: string): Promise<Ends> {
  const server = await startServer({
    binary: path.join(binDir, 'shredderd'),
    flags: ['--shards', '0', '--backend', backend, '--deadline-ms', String(DEADLINE_MS)],
  });
  const generator = LoadGenerator.start(binDir);
  return {
    transport: backend,
    server,
    port: server.port,
    generator,
    stop: async () => {
      await generator.stop();
      await server.stop();
    },
  };
}

async function openMemif(binDir: string): Promise<Ends> {
  const folder = await mkdtemp(path.join(tmpdir(), 'shredder-memif-'));
  const device = (role: string): string =>
    `net_memif0,role=${role},socket=${path.join(folder, 'socket')},socket-abstract=no`;
  // Of the kernel's, which the card's listener has as well.
  const port = await freePort();
  const server = await startServer({
    binary: path.join(binDir, 'shredderd'),
    config: `[server]
shards = 0
network = "dpdk"
deadline-ms = ${DEADLINE_MS}
[dpdk]
device = "${device('server')}"
address = "${SERVER_ADDRESS}/24"
idle = "spin"
[[tenant]]
name = "${TENANT}"
password = "${PASSWORD}"
admin = true
`,
    port,
  });
  const generator = LoadGenerator.start(
    binDir,
    [],
    [
      ...['--device', device('client')],
      ...['--address', CLIENT_ADDRESS, '--server', SERVER_ADDRESS],
    ],
  );
  return {
    transport: 'memif',
    server,
    port,
    generator,
    stop: async () => {
      await generator.stop();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      if (address === null || typeof address === 'string') {
        reject(new UserError('the loopback has no port'));
        return;
      }
      probe.close(() => resolve(address.port));
    });
  });
}
