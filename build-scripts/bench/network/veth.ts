// A pair of Ethernet interfaces of the kernel's, each end in a network namespace of its own: nothing of it is in the
// machine's own network.
import { randomUUID } from 'node:crypto';
import { execa } from 'execa';
import { run } from '../../system/command.ts';

/** The server's end of one. */
export interface VethEnd {
  /** Without an address of the kernel's. */
  interface: string;
  /** What it is to have: an IPv4 address of the client's network. */
  address: string;
  networkBits: number;
  /** The other address of that network. */
  clientAddress: string;
  /** And this IPv6 address of one, of 64 bits, where the client is to have one too. */
  address6: string | undefined;
}

export interface VethPairs {
  ends: readonly VethEnd[];
  /** What comes before a program to start it where the servers' ends, or the clients', are. */
  enterServer: readonly string[];
  enterClient: readonly string[];
  /** Gives the servers' ends their addresses, for the kernel's own TCP. */
  addAddresses: () => Promise<void>;
  remove: () => Promise<void>;
}

export interface VethOptions {
  count?: number;
  /**
   * The clients' ends are in the namespace of who calls, which is one of its own; others there may
   * have theirs.
   */
  clientIsHere?: boolean;
  ip6?: boolean;
}

/** AF_XDP takes the frames of one queue. */
const ONE_QUEUE = ['numtxqueues', '1', 'numrxqueues', '1'];
const NETWORK_BITS = 30;

/** Throws a `CommandError` where this kernel, or this user, makes no such pairs. */
export async function openVeth({
  count = 1,
  clientIsHere = false,
  ip6 = false,
}: VethOptions = {}): Promise<VethPairs> {
  const id = randomUUID();
  const server = `shredder-${id}-server`;
  const client = clientIsHere ? undefined : `shredder-${id}-client`;
  const namespaces = client === undefined ? [server] : [server, client];
  // The interfaces go with the server's namespace.
  const remove = async (): Promise<void> => {
    for (const each of namespaces) {
      await execa('ip', ['netns', 'delete', each], { reject: false });
    }
  };
  const ends: VethEnd[] = [];
  try {
    for (const each of namespaces) {
      await ip(undefined, 'netns', 'add', each);
      await ip(each, 'link', 'set', 'lo', 'up');
    }
    for (let n = 0; n < count; n++) {
      // A name of an interface has at most 15 characters.
      ends.push(await addPair(server, client, `${id.slice(0, 8)}-${n}`, ip6));
    }
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    ends,
    enterServer: enter(server),
    enterClient: client === undefined ? [] : enter(client),
    addAddresses: async () => {
      for (const end of ends) {
        const address = `${end.address}/${end.networkBits}`;
        await ip(server, 'address', 'add', address, 'dev', end.interface);
      }
    },
    remove,
  };
}

async function addPair(
  server: string,
  client: string | undefined,
  suffix: string,
  ip6: boolean,
): Promise<VethEnd> {
  const [serverName, clientName] = [`shs${suffix}`, `shc${suffix}`];
  await ip(
    client,
    ...['link', 'add', clientName, ...ONE_QUEUE, 'type', 'veth'],
    ...['peer', 'name', serverName, ...ONE_QUEUE, 'netns', server],
  );
  const index = Number.parseInt(await ip(client, '-o', 'link', 'show', 'dev', clientName), 10);
  // No other interface of the client's namespace has that network.
  const network = `10.255.${(index >> 6) & 0xff}`;
  const first = (index & 0x3f) << 2;
  const clientAddress = `${network}.${first + 2}`;
  await ip(client, 'address', 'add', `${clientAddress}/${NETWORK_BITS}`, 'dev', clientName);
  const network6 = `fd00:255:${index.toString(16)}:`;
  if (ip6) {
    // Nobody else can have the address; to make sure of it would take a second.
    await ip(client, 'address', 'add', `${network6}:2/64`, 'dev', clientName, 'nodad');
  }
  await ip(client, 'link', 'set', clientName, 'up');
  await ip(server, 'link', 'set', serverName, 'up');
  return {
    interface: serverName,
    address: `${network}.${first + 1}`,
    networkBits: NETWORK_BITS,
    clientAddress,
    address6: ip6 ? `${network6}:1` : undefined,
  };
}

async function ip(namespace: string | undefined, ...args: string[]): Promise<string> {
  return (await run('ip', [...(namespace === undefined ? [] : ['-n', namespace]), ...args])).output;
}

/** An end as a device of DPDK's. A pair has no interrupts, which polling in the kernel could spare. */
export function afXdpDevice(end: VethEnd): string {
  return `net_af_xdp0,iface=${end.interface},busy_budget=0`;
}

function enter(namespace: string): string[] {
  return ['ip', 'netns', 'exec', namespace];
}
