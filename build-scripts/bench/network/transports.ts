// The ways between a client and a server of one machine, each with a server and a load generator of its own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../../server/free_port.ts';
import { startServer, type Server } from '../../server/shredderd.ts';
import { LoadGenerator } from '../paper/load_generator.ts';
import { DEADLINE_MS } from '../paper/runtime.ts';
import { afXdpDevice, openVeth, type VethEnd, type VethPairs } from './veth.ts';

/** Those that any machine has. */
export const LOCAL_TRANSPORTS = ['memif', 'io_uring', 'epoll'] as const;
/** Those over a pair of the kernel's interfaces: the server's end without the kernel's TCP, and with it. */
export const VETH_TRANSPORTS = ['veth, AF_XDP', 'veth, io_uring'] as const;
export const TRANSPORTS = [...LOCAL_TRANSPORTS, ...VETH_TRANSPORTS] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** A server that is reached by a transport, and who puts load on it. */
export interface Ends {
  transport: Transport;
  server: Server;
  port: number;
  generator: LoadGenerator;
  stop: () => Promise<void>;
}

/** Addresses that nobody else sees: those of the two ends of a memory. */
const MEMORY = { address: '10.255.0.1', clientAddress: '10.255.0.2', networkBits: 24 };
const TENANT = 'bench';
const PASSWORD = 'bench';
/** Of the kernel's loopback; its tenant `default` needs no password. */
const LOOPBACKS: readonly Transport[] = ['io_uring', 'epoll'];

/** What each connection says first. */
export function greetingOf(transport: Transport): readonly string[][] {
  return LOOPBACKS.includes(transport) ? [] : [['AUTH', TENANT, PASSWORD]];
}

/** One process serves, whichever way: what is compared is the network. */
export async function openTransport(transport: Transport, binDir: string): Promise<Ends> {
  switch (transport) {
    case 'memif':
      return await openMemif(binDir);
    case 'io_uring':
    case 'epoll':
      return await openLoopback(transport, binDir);
    case 'veth, AF_XDP':
      return await openAfXdp(binDir);
    case 'veth, io_uring':
      return await openKernelVeth(binDir);
  }
}

async function openLoopback(backend: 'io_uring' | 'epoll', binDir: string): Promise<Ends> {
  const server = await startServer({
    binary: path.join(binDir, 'shredderd'),
    flags: ['--shards', '0', '--backend', backend, '--deadline-ms', String(DEADLINE_MS)],
  });
  return endsOf(backend, server, LoadGenerator.start(binDir));
}

async function openMemif(binDir: string): Promise<Ends> {
  const folder = await mkdtemp(path.join(tmpdir(), 'shredder-memif-'));
  const device = (role: string): string =>
    `net_memif0,role=${role},socket=${path.join(folder, 'socket')},socket-abstract=no`;
  const server = await startServer({
    binary: path.join(binDir, 'shredderd'),
    config: withTenant(`network = "dpdk"\n${cardSection(device('server'), MEMORY)}`),
    port: await freePort(),
  });
  const generator = LoadGenerator.start(
    binDir,
    [],
    [
      ...['--device', device('client')],
      ...['--address', MEMORY.clientAddress, '--server', MEMORY.address],
    ],
  );
  return endsOf('memif', server, generator, () => rm(folder, { recursive: true, force: true }));
}

async function openAfXdp(binDir: string): Promise<Ends> {
  return await openOverVeth('veth, AF_XDP', binDir, (end) => {
    return `network = "dpdk"\n${cardSection(afXdpDevice(end), end)}`;
  });
}

async function openKernelVeth(binDir: string): Promise<Ends> {
  return await openOverVeth('veth, io_uring', binDir, async (end, pair) => {
    await pair.addAddresses();
    return `bind = "${end.address}"\n`;
  });
}

async function openOverVeth(
  transport: Transport,
  binDir: string,
  settingsOver: (end: VethEnd, pair: VethPairs) => string | Promise<string>,
): Promise<Ends> {
  const pair = await openVeth();
  try {
    const end = pair.ends[0]!;
    const server = await startServer({
      binary: path.join(binDir, 'shredderd'),
      config: withTenant(await settingsOver(end, pair)),
      // Nobody else listens in a namespace of its own.
      port: 7379,
      enter: pair.enterServer,
    });
    const flags = ['--server', end.address];
    const generator = LoadGenerator.start(binDir, pair.enterClient, flags);
    return endsOf(transport, server, generator, pair.remove);
  } catch (error) {
    await pair.remove();
    throw error;
  }
}

/** Where a network card is the server's own, its listener has the port of the kernel's. */
function endsOf(
  transport: Transport,
  server: Server,
  generator: LoadGenerator,
  cleanUp: () => Promise<void> = () => Promise.resolve(),
): Ends {
  return {
    transport,
    server,
    port: server.port,
    generator,
    stop: async () => {
      await generator.stop();
      await server.stop();
      await cleanUp();
    },
  };
}

function withTenant(settings: string): string {
  return `[server]
shards = 0
deadline-ms = ${DEADLINE_MS}
${settings}
[[tenant]]
name = "${TENANT}"
password = "${PASSWORD}"
admin = true
`;
}

/** Where the server polls without a pause, on addresses of a pair of interfaces or of a memory. */
function cardSection(
  device: string,
  { address, networkBits }: Pick<VethEnd, 'address' | 'networkBits'>,
): string {
  return `[dpdk]
device = "${device}"
address = "${address}/${networkBits}"
idle = "spin"
`;
}
