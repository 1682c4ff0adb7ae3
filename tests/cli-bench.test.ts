// Reports of the benches: what they read, compute and draw.
import test from 'ava';
import { formatHtget, parseHtget, type HtgetRow } from '../build-scripts/bench/htget.ts';
import { plotHtget } from '../build-scripts/bench/htget_plot.ts';
import { formatKv, parseRps, type KvRow } from '../build-scripts/bench/kv.ts';
import { spreadOf } from '../build-scripts/bench/statistics.ts';

function sampleRows(): HtgetRow[] {
  const costs = { native: 6, csa: 12, 'callback-number': 30, 'callback-buffer': 240 };
  return [1_000, 100_000, 1_000_000].flatMap((keys, size) =>
    (['integer', 'string'] as const).flatMap((keyKind) =>
      Object.entries(costs).map(([name, ns]) => {
        const medianNs = ns * (size + 1);
        return {
          case: name,
          keys,
          keyKind,
          medianNs,
          minNs: medianNs * 0.9,
          maxNs: medianNs * 1.2,
          loopNs: 1.5,
        };
      }),
    ),
  );
}

test('the spread of samples is their median, least and greatest', (t) => {
  t.deepEqual(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3 });
  t.deepEqual(spreadOf([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4 });
  t.throws(() => spreadOf([]));
});

test("the bench program's JSON is read back, and nothing else passes for it", (t) => {
  const rows = sampleRows();
  t.deepEqual(parseHtget(JSON.stringify({ v8: '11.3', rows })), { v8: '11.3', rows });
  const [row] = rows;
  for (const text of [
    '',
    'null',
    '{}',
    JSON.stringify({ v8: 1, rows: [] }),
    JSON.stringify({ v8: '11.3', rows: [null] }),
    JSON.stringify({ v8: '11.3', rows: [{ ...row, medianNs: '1' }] }),
    JSON.stringify({ v8: '11.3', rows: [{ ...row, keyKind: 'float' }] }),
  ]) {
    t.throws(() => parseHtget(text), { message: /^the bench program printed/ });
  }
});

test('the table has a line for each size and kind of key, and what CSA gains', (t) => {
  const lines = formatHtget(sampleRows()).split('\n');
  t.is(lines.length, 3 + 6);
  t.regex(lines[3] ?? '', /^1,000 integer keys +6\.00 \(5\.40 to 7\.20\).* 2\.5x +20\.0x +1\.50$/);
});

test('the plot has a line and a label for each case in both panels, within the picture', (t) => {
  const svg = plotHtget(sampleRows(), 'a & b');
  t.is(svg.match(/<polyline/g)?.length, 8);
  t.true(svg.includes('a &amp; b'));
  for (const label of [
    'integer keys',
    'string keys',
    '1,000,000',
    'HTGet, CSA builtin',
    'ns per lookup',
  ]) {
    t.true(svg.includes(label), label);
  }
  t.notRegex(svg, /NaN|Infinity|undefined/);
  for (const [, x, y] of svg.matchAll(/<circle cx="([^"]+)" cy="([^"]+)"/g)) {
    t.true(Number(x) >= 75 && Number(x) <= 930 && Number(y) >= 120 && Number(y) <= 420);
  }
});

test("redis-benchmark's rate is read from its CSV", (t) => {
  const csv = '"test","rps","avg_latency_ms","min_latency_ms"\n"SET","133333.33","0.201","0.080"\n';
  t.is(parseRps(csv, 'SET'), 133333.33);
  t.throws(() => parseRps(csv, 'GET'), { message: /no rate of GET/ });
  t.throws(() => parseRps('', 'GET'), { message: /no rate of GET/ });
});

test('throughputs are set side by side', (t) => {
  const row = (name: KvRow['case'], medianRps: number): KvRow => ({
    case: name,
    command: 'GET',
    pipeline: 16,
    medianRps,
    minRps: medianRps - 1,
    maxRps: medianRps + 1,
  });
  t.regex(
    formatKv([row('shredder', 1_500_000), row('redis', 1_000_000)]),
    /GET -P 16 +1,500,000 \(1,499,999 to 1,500,001\) +1,000,000 .* 1\.50$/m,
  );
});
