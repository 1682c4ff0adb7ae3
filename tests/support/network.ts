// The network that servers of tests are reached over.
//
//   SHREDDER_TEST_NETWORK=af_xdp   over TCP in the server's process, on an end of a pair of interfaces whose other end is
//                                  the kernel's, in the network namespace of the tests, which is one of their own
import { afXdpDevice, openVeth } from '../../build-scripts/bench/network/veth.ts';

const NAME = 'SHREDDER_TEST_NETWORK';

/** Whether servers are reached over AF_XDP. */
export const OVER_AF_XDP = readNetwork();

function readNetwork(): boolean {
  const name = process.env[NAME];
  if (name === undefined || name === 'af_xdp') return name !== undefined;
  throw new Error(`${NAME} is "${name}"; it may be af_xdp`);
}

/** Of the tenant that a server has whose test configures none. */
export const DEFAULT_PASSWORD = 'the-password-of-default';

/** The cards of a server, one for each of its shards. */
export interface Cards {
  /** Where the first shard is. */
  host: string;
  /** The same of IPv6. */
  host6: string | undefined;
  /** The configuration of a server that has them. */
  config: string;
  enter: readonly string[];
  remove: () => Promise<void>;
}

export interface CardOptions {
  /** Whether the cards have IPv6 addresses besides. */
  ip6?: boolean;
  /** Whether what is for strangers goes to the first card's clients, who drop it. */
  gateway?: boolean;
}

/** @param config Of the server; `shards` in it is 0 unless it says, as each has a card of its own. */
export async function openCards(
  config = defaultTenant(),
  { ip6 = false, gateway = false }: CardOptions = {},
): Promise<Cards> {
  const shards = /^shards = (\d+)$/m.exec(config)?.[1];
  const count = Math.max(1, Number(shards ?? 0));
  const pairs = await openVeth({ count, clientIsHere: true, ip6 });
  const lines = `network = "dpdk"${shards === undefined ? '\nshards = 0' : ''}`;
  const server = /^\[server\]$/m.test(config)
    ? config.replace(/^\[server\]$/m, `[server]\n${lines}`)
    : `[server]\n${lines}\n${config}`;
  const first = pairs.ends[0]!;
  const addresses = pairs.ends.map(({ address, networkBits }) => `${address}/${networkBits}`);
  const more = [
    ...(ip6 ? [`address6 = ${JSON.stringify(pairs.ends.map(({ address6 }) => address6))}`] : []),
    ...(gateway ? [`gateway = "${first.clientAddress}"`] : []),
  ];
  return {
    host: first.address,
    host6: first.address6,
    config: `${server}
[dpdk]
device = ${JSON.stringify(pairs.ends.map(afXdpDevice))}
address = ${JSON.stringify(addresses)}
${more.join('\n')}
`,
    enter: pairs.enterServer,
    remove: pairs.remove,
  };
}

function defaultTenant(): string {
  return `[[tenant]]\nname = "default"\npassword = "${DEFAULT_PASSWORD}"\nadmin = true\n`;
}
