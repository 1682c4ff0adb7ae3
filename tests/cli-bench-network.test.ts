// The bench of networks without a server: what it reads of counters, and what it prints of rows.
import test from 'ava';
import { parseInfo, parseProc } from '../build-scripts/bench/network/counters.ts';

const INFO = [
  '# Network',
  'network:dpdk',
  'network_device:net_memif0, driver net_memif, 1 queue',
  'network_packets_received:100',
  'network_bytes_received:9000',
  'network_packets_sent:101',
  'network_dropped_ring_full:1',
  'network_dropped_without_buffer:20',
  'network_dropped_damaged:300',
  'network_dropped_by_stack:4000',
  'network_unsent:50000',
  'network_retransmitted:7',
  '',
].join('\r\n');

test('what a server says of its card is frames both ways, those lost, and segments sent again', (t) => {
  t.deepEqual(parseInfo(INFO), { packets: 201, drops: 54_321, retransmissions: 7 });
});

test('a server that does not say it, as to who is no admin, is one line', (t) => {
  const error = t.throws(() => parseInfo('# Network\r\nnetwork:dpdk\r\n'));
  t.is(error?.message, 'INFO network has no network_packets_received');
});

const DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0
shsabc-0: 332579152    9437    1    2    0     0          0         0   837320    6488    3    4    0     0       0          0
`;
const SNMP = `Ip: Forwarding DefaultTTL
Ip: 2 64
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens OutSegs RetransSegs InErrs
Tcp: 1 200 120000 -1 33 6435 12 0
`;

test('what the kernel says of an interface and its TCP is the same', (t) => {
  t.deepEqual(parseProc(DEV, SNMP, 'shsabc-0'), {
    packets: 15_925,
    drops: 10,
    retransmissions: 12,
  });
});

test('an interface that is not there, or TCP that counts nothing again, is one line', (t) => {
  const message = 'the kernel has no counters of shsabc-1 and its TCP';
  t.throws(() => parseProc(DEV, SNMP, 'shsabc-1'), { message });
  t.throws(() => parseProc(DEV, 'Ip: A\nIp: 1\n', 'shsabc-0'));
});
