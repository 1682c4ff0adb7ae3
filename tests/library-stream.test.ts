// Streams of the library against plain JavaScript: what random values at random times give, across
// invocations, as time passes.
import test from 'ava';
import fc from 'fast-check';
import 'shredder-functions/register';
import type { Aggregate } from 'shredder-functions/stream';
import { createStore } from 'shredder-functions/testing';
import { testSeed } from './support/seed.ts';

// Imported once `shredder:store` resolves.
const stream = await import('shredder-functions/stream');

const PANE_MS = 100;
const PANES = 8;
const OPTIONS = { paneMs: PANE_MS, panes: PANES, quantiles: true };
const TTL_MS = (PANES + 2) * PANE_MS;
const RANKS = [0, 0.5, 0.9, 1];

let clock = 1_800_000_000_000;
Date.now = () => clock;

/** A stream as all of its values. */
class Model {
  private values: { pane: number; value: number; until: number }[] = [];
  private latest = -Infinity;
  private until = 0;
  late = 0;

  add(at: number, value: number): string {
    this.pass();
    const pane = Math.floor(at / PANE_MS);
    this.until = clock + TTL_MS;
    if (pane <= this.latest - PANES) {
      this.late++;
      return 'late';
    }
    this.latest = Math.max(this.latest, pane);
    for (const each of this.values) if (each.pane === pane) each.until = this.until;
    this.values.push({ pane, value, until: this.until });
    return 'added';
  }

  /** Values in the panes from one to before another, in order. */
  between(from: number, to: number): number[] {
    this.pass();
    return this.values
      .filter(({ pane }) => pane >= from && pane < to && pane > this.latest - PANES)
      .map(({ value }) => value)
      .sort((a, b) => a - b);
  }

  /** Forgets what has expired. */
  pass(): void {
    this.values = this.values.filter(({ until }) => until > clock);
    if (this.until > clock) return;
    this.latest = -Infinity;
    this.late = 0;
  }
}

function differs(got: Aggregate, values: readonly number[]): boolean {
  const sum = values.reduce((total, value) => total + value, 0);
  const near = (a: number, b: number, of: number): boolean => Math.abs(a - b) <= of * Math.abs(b);
  if (got.count !== values.length || got.sum !== sum) return true;
  if (got.min !== values[0] || got.max !== values.at(-1)) return true;
  if (values.length === 0) return got.mean !== undefined || got.quantiles.length > 0;
  const expected = RANKS.map((rank) => values[Math.floor(rank * (values.length - 1))]!);
  return (
    got.mean !== sum / values.length ||
    !expected.every((value, i) => near(got.quantiles[i]!, value, 0.010001))
  );
}

const step = fc.record({
  passes: fc.oneof({ weight: 9, arbitrary: fc.nat({ max: 60 }) }, fc.nat({ max: 1_500 })),
  // How long ago, or ahead, a value was.
  ago: fc.oneof(fc.nat({ max: 150 }), fc.integer({ min: -90, max: 1_200 })),
  value: fc.integer({ min: -1_000, max: 1_000 }),
  length: fc.integer({ min: 1, max: PANES }),
});

test.serial(
  'random values at random times give the windows that plain JavaScript does',
  async (t) => {
    let late = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 80 }), async (steps) => {
        const store = createStore({ now: () => clock });
        const model = new Model();
        for (const { passes, ago, value, length } of steps) {
          clock += passes;
          const at = clock - ago;
          const wrong = await store.call(() => {
            const found: string[] = [];
            const became = stream.add('s', value, { ...OPTIONS, at });
            if (became !== model.add(at, value)) found.push(`${value} at ${at}: ${became}`);
            const lengthMs = length * PANE_MS;
            for (const time of [clock, at]) {
              const read = { ...OPTIONS, at: time, ranks: RANKS };
              const end = Math.floor(time / PANE_MS) + 1;
              const window = stream.window('s', lengthMs, read);
              if (differs(window, model.between(end - length, end))) {
                found.push(`sliding ${JSON.stringify(window)}`);
              }
              const count = Math.floor(PANES / length);
              for (const each of stream.windows('s', lengthMs, count, read)) {
                const [from, to] = [each.start / PANE_MS, each.end / PANE_MS];
                const whole = each.start % lengthMs === 0 && to - from === length;
                if (!whole || differs(each, model.between(from, to))) {
                  found.push(`tumbling ${JSON.stringify(each)}`);
                }
              }
            }
            if (stream.lateCount('s') !== model.late) found.push(`late: ${stream.lateCount('s')}`);
            return found;
          });
          t.deepEqual(wrong, []);
          t.true(store.keys().length <= PANES + 1);
        }
        late += model.late;
        clock += TTL_MS;
        t.deepEqual(store.keys(), [], 'all of it expires');
      }),
      { seed: testSeed(), numRuns: 60 },
    );
    t.true(late > 10, `${late} values were late`);
  },
);
