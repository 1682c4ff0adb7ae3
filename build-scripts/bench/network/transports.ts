// The ways between a client and a server of one machine, each with a server and a load generator of its own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../../server/free_port.ts';
import { startServer, type Server } from '../../server/shredderd.ts';
import { LoadGenerator } from '../paper/load_generator.ts';
import { DEADLINE_MS } from '../paper/runtime.ts';
import { cardCounters, kernelCounters, type Counters } from './counters.ts';
import { afXdpDevice, openVeth, type VethEnd, type VethPairs } from './veth.ts';

/** Those that any machine has. */
export const LOCAL_TRANSPORTS = ['memif', 'io_uring', 'epoll'] as const;
/** Those over a pair of the kernel's interfaces: the server's end without the kernel's TCP, and with it. */
export const VETH_TRANSPORTS = ['veth, AF_XDP', 'veth, io_uring'] as const;
export const TRANSPORTS = [...LOCAL_TRANSPORTS, ...VETH_TRANSPORTS] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** More than any case has: whoever looks at the counters is a client, too. */
const MAX_CLIENTS = 20_000;

/** A server that is reached by a transport, and who puts load on it. */
export interface Ends {
  transport: Transport;
  server: Server;
  port: number;
  generator: LoadGenerator;
  /** Since the server began; absent where others use the same network. */
  counters?: () => Promise<Counters>;
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
  const folder = await mkdtemp(path.join(tmpdir(), 'shredder-network-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const ends = await openIn(folder, transport, binDir);
    return { ...ends, stop: () => ends.stop().finally(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** @param folder For sockets. */
async function openIn(folder: string, transport: Transport, binDir: string): Promise<Ends> {
  switch (transport) {
    case 'memif':
      return await openMemif(folder, binDir);
    case 'io_uring':
    case 'epoll':
      return await openLoopback(transport, binDir);
    case 'veth, AF_XDP':
      return await openAfXdp(folder, binDir);
    case 'veth, io_uring':
      return await openKernelVeth(binDir);
  }
}

async function openLoopback(backend: 'io_uring' | 'epoll', binDir: string): Promise<Ends> {
  const server = await startServer({
    binary: path.join(binDir, 'shredderd'),
    flags: ['--shards', '0', '--backend', backend, '--deadline-ms', String(DEADLINE_MS)],
  });
  return endsOf({ transport: backend, server, generator: LoadGenerator.start(binDir) });
}

async function openMemif(folder: string, binDir: string): Promise<Ends> {
  const device = (role: string): string =>
    `net_memif0,role=${role},socket=${path.join(folder, 'memif')},socket-abstract=no`;
  const server = await startServer({
    binary: path.join(binDir, 'shredderd'),
    config: withTenant(cardSettings(folder, device('server'), MEMORY)),
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
  return endsOf({ transport: 'memif', server, generator, counters: countersIn(folder) });
}

async function openAfXdp(folder: string, binDir: string): Promise<Ends> {
  return await openOverVeth('veth, AF_XDP', binDir, {
    settings: (end) => cardSettings(folder, afXdpDevice(end), end),
    counters: countersIn(folder),
  });
}

async function openKernelVeth(binDir: string): Promise<Ends> {
  return await openOverVeth('veth, io_uring', binDir, {
    settings: async (end, pair) => {
      await pair.addAddresses();
      return `bind = "${end.address}"\n`;
    },
    counters: (server, end) => kernelCounters(server.pid, end.interface),
  });
}

interface OverVeth {
  settings: (end: VethEnd, pair: VethPairs) => string | Promise<string>;
  counters: (server: Server, end: VethEnd) => Promise<Counters>;
}

async function openOverVeth(
  transport: Transport,
  binDir: string,
  { settings, counters }: OverVeth,
): Promise<Ends> {
  const pair = await openVeth();
  try {
    const end = pair.ends[0]!;
    const server = await startServer({
      binary: path.join(binDir, 'shredderd'),
      config: withTenant(await settings(end, pair)),
      // Nobody else listens in a namespace of its own.
      port: 7379,
      enter: pair.enterServer,
    });
    const flags = ['--server', end.address];
    const generator = LoadGenerator.start(binDir, pair.enterClient, flags);
    return endsOf(
      { transport, server, generator, counters: () => counters(server, end) },
      pair.remove,
    );
  } catch (error) {
    await pair.remove();
    throw error;
  }
}

/** Where a network card is the server's own, its listener has the port of the kernel's. */
function endsOf(
  ends: Omit<Ends, 'port' | 'stop'>,
  cleanUp: () => Promise<void> = () => Promise.resolve(),
): Ends {
  return {
    ...ends,
    port: ends.server.port,
    stop: async () => {
      await ends.generator.stop();
      await ends.server.stop();
      await cleanUp();
    },
  };
}

function withTenant(settings: string): string {
  return `[server]
shards = 0
max-clients = ${MAX_CLIENTS}
deadline-ms = ${DEADLINE_MS}
${settings}
[[tenant]]
name = "${TENANT}"
password = "${PASSWORD}"
admin = true
`;
}

/** Where the server polls without a pause, on addresses of a pair of interfaces or of a memory. */
function cardSettings(
  folder: string,
  device: string,
  { address, networkBits }: Pick<VethEnd, 'address' | 'networkBits'>,
): string {
  return `network = "dpdk"
unix-socket = "${adminSocket(folder)}"
[dpdk]
device = "${device}"
address = "${address}/${networkBits}"
idle = "spin"
`;
}

/** It is reached from any network namespace, and nothing of it is on the card. */
function adminSocket(folder: string): string {
  return path.join(folder, 'admin');
}

function countersIn(folder: string): () => Promise<Counters> {
  const url = `unix:${adminSocket(folder)}`;
  return () => cardCounters({ url, tenant: TENANT, password: PASSWORD });
}
