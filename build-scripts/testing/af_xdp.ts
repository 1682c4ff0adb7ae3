// The end-to-end tests of what clients see, over AF_XDP: the kernel's TCP is the client's alone. They run in a network
// namespace of their own, in which each server has an end of a pair of interfaces (tests/support/network.ts).
import { randomUUID } from 'node:crypto';
import { run } from '../system/command.ts';

/** ava's files whose servers have no shards and whose clients connect where the server is. */
export const AF_XDP_TESTS = [
  'clients',
  'commands-random',
  'commands-sessions',
  'expiry',
  'invocations',
  'large-values',
  'libraries',
  'limits',
  'long-commands',
  'protocol',
  'scan',
  'transactions',
  'transactions-functions',
  'values',
  'dpdk/af_xdp/departures',
  'dpdk/af_xdp/shards',
  'dpdk/af_xdp/syn-flood',
  'dpdk/af_xdp/unread',
  'dpdk/af_xdp/upgrade',
].map((name) => `tests/${name}.test.ts`);

export const AF_XDP_ENVIRONMENT = { SHREDDER_TEST_NETWORK: 'af_xdp' };

/** What comes before a program to run it there. */
export const ENTER_NAMESPACE = [
  ...['unshare', '--net', '--mount', '--'],
  ...['sh', '-c', 'ip link set lo up && exec "$0" "$@"'],
];

/** Throws a `CommandError` where this kernel, or this user, makes no such namespace or pair. */
export async function requireVeth(): Promise<void> {
  const [file, ...args] = ENTER_NAMESPACE;
  const name = `shredder-${randomUUID()}`;
  const script = `ip netns add ${name} && ip netns delete ${name} && ip link add shredder0 type veth`;
  await run(file!, [...args, 'sh', '-c', script]);
}
