// The bench of networks without a server: what it reads of counters, and what it prints and draws of rows.
import test from 'ava';
import type { NetworkCase, NetworkRow } from '../build-scripts/bench/network/cases.ts';
import { parseInfo, parseProc } from '../build-scripts/bench/network/counters.ts';
import { plotNetwork } from '../build-scripts/bench/network/network_plot.ts';
import { formatNetwork } from '../build-scripts/bench/network/network_table.ts';
import type { Transport } from '../build-scripts/bench/network/transports.ts';
import { pointsIn } from './support/bench.ts';

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

/** Rows of one case over one transport; a fifth less and more than each value is its least and greatest. */
function rowsOf(name: Transport, at: NetworkCase, values: Record<string, number>): NetworkRow[] {
  return Object.entries(values).map(([unit, median]) => {
    return {
      figure: 'network',
      case: name,
      at,
      unit,
      median,
      min: median * 0.8,
      max: median * 1.2,
    };
  });
}

const CLOSED = { loop: 'closed', request: 'GET', connections: 64 } as const;
const MEMIF = {
  ...{ 'p50 us': 32.1, 'p99 us': 61.5, 'p99.9 us': 123.4, 'ops/s': 1_784_155, 'busy us': 0.56 },
  ...{ 'packets/request': 2, drops: 0, retransmissions: 5, 'windows left out': 3 },
};
const KERNEL = {
  ...{ 'p50 us': 523.4, 'p99 us': 812.3, 'p99.9 us': 1_204.5, 'ops/s': 122_858 },
  ...{ 'busy us': 8.1, 'windows left out': 0 },
};

const OPEN = { loop: 'open', request: 'GET', connections: 64, loadPercent: 50 } as const;
const ROWS = [
  ...rowsOf('memif', CLOSED, MEMIF),
  ...rowsOf('io_uring', CLOSED, KERNEL),
  ...rowsOf('memif', { ...OPEN, offeredRps: 892_078 }, { ...MEMIF, 'late p99 us': 1.5 }),
  ...rowsOf('io_uring', { ...OPEN, offeredRps: 61_429 }, { ...KERNEL, 'late p99 us': 12 }),
];

test('the tables have what clients wait, and what a request takes, in lines that can be read', (t) => {
  const text = formatNetwork({ rows: ROWS, missing: ['NOT MEASURED: x'] });
  const [waits = '', taken = ''] = text.split(/^request, connections /m).slice(1);
  t.regex(
    waits,
    /^GET, 64\n {2}memif +32\.1 \(25\.7 to 38\.5\) .*\n {2}io_uring +523 \(419 to 628\)/m,
  );
  t.regex(
    waits,
    /^GET, 64, open 50 %\n {2}memif +892,078 +32\.1 .* 1\.50\n {2}io_uring +61,429 .* 12\.0\n/m,
  );
  t.regex(
    taken,
    /^GET, 64\n {2}memif +1,784,155 \([\d,]+ to [\d,]+\) +14\.5x +0\.56 +2\.00 +6 +3\n/m,
  );
  // Over the loopback nothing is counted.
  t.regex(taken, /^GET, 64\n.*\n {2}io_uring +122,858 \([\d,]+ to [\d,]+\) +1\.00x +8\.10 +0\n/m);
  t.true(text.endsWith('\nNOT MEASURED: x'));
  const widths = `${waits}${taken}`
    .split('\n')
    .filter((line) => line.startsWith('  '))
    .map((line) => line.length);
  t.true(Math.max(...widths) <= 105, String(Math.max(...widths)));
});

test('the plot has the closed loops alone', (t) => {
  const closed = ROWS.filter((row) => row.at['loop'] === 'closed');
  const points = pointsIn(plotNetwork(closed, ''));
  t.is(points.length, 4);
  t.deepEqual(pointsIn(plotNetwork(ROWS, '')), points);
});
