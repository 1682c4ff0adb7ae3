// Collections of the library against plain JavaScript: what random operations give, within an invocation
// and across invocations.
import test, { type ExecutionContext } from 'ava';
import 'shredder-functions/register';
import { createStore, type TestStore } from 'shredder-functions/testing';
import { randomFrom, testSeed } from './support/seed.ts';

// Imported once `shredder:store` resolves.
const hash = await import('shredder-functions/hash');
const list = await import('shredder-functions/list');
const queue = await import('shredder-functions/queue');
const sorted = await import('shredder-functions/sorted');

let clock = 1_800_000_000_000;
Date.now = () => clock;

class Random {
  private readonly next: () => number;

  constructor(seed: number) {
    this.next = randomFrom(seed);
  }

  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }
}

/** A collection and its model: each operation, and then all that is in it, must be the same of both. */
interface Pair {
  /** One operation on both: what it gives. */
  step(random: Random): { what: string; got: unknown; expected: unknown };
  /** All that is in both. */
  content(): { got: unknown; expected: unknown };
  /** Empties the collection. */
  drop(): boolean;
}

function hashPair(): Pair {
  const model = new Map<string, string>();
  const inOrder = (): [string, string][] => [...model].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    step(random) {
      const field = random.of(['', 'é', '€', '🙂', 'x|y']) + random.below(400);
      const value = String(random.below(1_000));
      switch (random.below(6)) {
        case 0:
        case 1: {
          const expected = !model.has(field);
          model.set(field, value);
          return { what: `set ${field}`, got: hash.set('c', field, value), expected };
        }
        case 2:
        case 3: {
          const expected = model.delete(field);
          return { what: `remove ${field}`, got: hash.remove('c', field), expected };
        }
        case 4: {
          const expected = Number(model.get(field) ?? 0) + 5;
          model.set(field, String(expected));
          return { what: `increment ${field}`, got: hash.increment('c', field, 5), expected };
        }
        default: {
          const after = random.of([undefined, field]);
          const rest = inOrder().filter(([each]) => after === undefined || each > after);
          return {
            what: `scan ${after}`,
            got: [hash.get('c', field), hash.scan('c', 10, after).entries, hash.size('c')],
            expected: [model.get(field), rest.slice(0, 10), model.size],
          };
        }
      }
    },
    content: () => ({ got: [...hash.getAll('c')], expected: inOrder() }),
    drop: () => hash.drop('c'),
  };
}

function listPair(): Pair {
  const model: string[] = [];
  return {
    step(random) {
      const values = Array.from({ length: random.below(4) }, () => `v${random.below(1_000)}`);
      const start = random.below(40) - 20;
      const end = random.below(40) - 20;
      switch (random.below(7)) {
        case 0:
          return { what: 'push', got: list.push('c', ...values), expected: model.push(...values) };
        case 1:
          return {
            what: 'unshift',
            got: list.unshift('c', ...values),
            expected: model.unshift(...values),
          };
        case 2:
          return { what: 'pop', got: list.pop('c'), expected: model.pop() };
        case 3:
          return { what: 'shift', got: list.shift('c'), expected: model.shift() };
        case 4: {
          if (model.at(start) === undefined) return { what: 'none', got: 0, expected: 0 };
          model[start < 0 ? model.length + start : start] = 'set';
          list.set('c', start, 'set');
          return { what: `at ${start}`, got: list.at('c', start), expected: 'set' };
        }
        case 5: {
          // Seldom, lest the list stay short.
          if (random.below(20) > 0) return { what: 'none', got: 0, expected: 0 };
          model.splice(0, model.length, ...model.slice(start, end));
          return {
            what: `trim ${start} ${end}`,
            got: list.trim('c', start, end),
            expected: model.length,
          };
        }
        default:
          return {
            what: `range ${start} ${end}`,
            got: [list.range('c', start, end), list.at('c', start), list.length('c')],
            expected: [model.slice(start, end), model.at(start), model.length],
          };
      }
    },
    content: () => ({ got: list.range('c'), expected: model }),
    drop: () => list.drop('c'),
  };
}

function sortedPair(): Pair {
  const model = new Map<string, number>();
  const inOrder = (): [string, number][] =>
    [...model].sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1));
  return {
    step(random) {
      const member = random.of(['m', 'é', '€€', 'long'.repeat(60)]) + random.below(400);
      const score = random.below(50) / 4 - 5;
      const count = random.below(5);
      switch (random.below(9)) {
        case 0:
        case 1:
        case 2: {
          const before = model.get(member);
          model.set(member, score);
          const expected = before === undefined ? 'added' : before === score ? 'kept' : 'changed';
          return { what: `add ${member}`, got: sorted.add('c', member, score), expected };
        }
        case 3: {
          const expected = (model.get(member) ?? 0) + score;
          model.set(member, expected);
          return {
            what: `increment ${member}`,
            got: sorted.increment('c', member, score),
            expected,
          };
        }
        case 4:
        case 5: {
          const expected = model.delete(member);
          return { what: `remove ${member}`, got: sorted.remove('c', member), expected };
        }
        case 6: {
          const min = random.below(2) === 0;
          const all = inOrder();
          const expected = (min ? all : all.reverse()).slice(0, count);
          for (const [each] of expected) model.delete(each);
          return { what: 'pop', got: (min ? sorted.popMin : sorted.popMax)('c', count), expected };
        }
        case 7: {
          const [min, max] = [score, score + random.below(5)];
          const aboveMin = random.below(2) === 0;
          const belowMax = random.below(2) === 0;
          const within = inOrder().filter(
            ([, each]) =>
              (aboveMin ? each > min : each >= min) && (belowMax ? each < max : each <= max),
          );
          const direction = random.of(['ascending', 'descending'] as const);
          const range = { min, max, aboveMin, belowMax };
          const ordered = direction === 'ascending' ? within : [...within].reverse();
          return {
            what: `by score ${JSON.stringify(range)} ${direction}`,
            got: [
              sorted.countByScore('c', range),
              sorted.rangeByScore('c', { ...range, direction, offset: count, limit: 3 }),
            ],
            expected: [within.length, ordered.slice(count, count + 3)],
          };
        }
        default: {
          const all = inOrder();
          const rank = all.findIndex(([each]) => each === member);
          const found = rank < 0 ? undefined : rank;
          const start = random.below(all.length + 1);
          return {
            what: `rank ${member}`,
            got: [
              sorted.rank('c', member),
              sorted.rank('c', member, 'descending'),
              sorted.score('c', member),
              sorted.size('c'),
              sorted.range('c', start, start + 5),
            ],
            expected: [
              found,
              found === undefined ? undefined : all.length - 1 - found,
              model.get(member),
              all.length,
              all.slice(start, start + 5),
            ],
          };
        }
      }
    },
    content: () => ({ got: sorted.range('c'), expected: inOrder() }),
    drop: () => sorted.drop('c'),
  };
}

const VISIBILITY = 50;
const MAX_ATTEMPTS = 3;

interface ModelMessage {
  number: number;
  body: string;
  place: 'waiting' | 'inFlight' | 'dead';
  time: number;
  attempts: number;
  receipt?: string;
}

function queuePair(): Pair {
  let model: ModelMessage[] = [];
  let enqueued = 0;
  const receipts: string[] = [];
  const inPlace = (place: ModelMessage['place']): ModelMessage[] =>
    model
      .filter((each) => each.place === place)
      .sort((a, b) => a.time - b.time || a.number - b.number);
  const readyIn = (place: ModelMessage['place']): ModelMessage[] =>
    inPlace(place).filter(({ time }) => time <= clock);
  const counts = (): unknown => {
    const [due, overdue] = [readyIn('waiting').length, readyIn('inFlight').length];
    return {
      ready: due + overdue,
      delayed: inPlace('waiting').length - due,
      inFlight: inPlace('inFlight').length - overdue,
      dead: inPlace('dead').length,
    };
  };
  /** What a poll must give: the bodies, of messages whose receipts are then those given. */
  const pollModel = (count: number): ModelMessage[] => {
    const taken: ModelMessage[] = [];
    for (const each of [...readyIn('inFlight'), ...readyIn('waiting')]) {
      if (taken.length === count) break;
      if (each.attempts === MAX_ATTEMPTS) {
        Object.assign(each, { place: 'dead', time: clock });
        continue;
      }
      each.attempts++;
      Object.assign(each, { place: 'inFlight', time: clock + VISIBILITY });
      taken.push(each);
    }
    return taken;
  };
  const holder = (receipt: string): ModelMessage | undefined =>
    model.find((each) => each.place === 'inFlight' && each.receipt === receipt);

  return {
    step(random) {
      const receipt = receipts.length > 0 ? random.of(receipts.slice(-60)) : 'none';
      const held = holder(receipt);
      switch (random.below(9)) {
        case 0:
        case 1:
        case 2: {
          const delayMs = random.of([0, 0, 0, random.below(60)]);
          const number = enqueued++;
          const body = `b${number}`;
          queue.enqueue('c', body, { delayMs });
          model.push({ number, body, place: 'waiting', time: clock + delayMs, attempts: 0 });
          return { what: 'enqueue', got: 0, expected: 0 };
        }
        case 3:
        case 4: {
          const count = 1 + random.below(5);
          const taken = pollModel(count);
          const got = queue.poll('c', count, VISIBILITY, { maxAttempts: MAX_ATTEMPTS });
          got.forEach((message, i) => {
            const each = taken[i];
            if (each !== undefined) each.receipt = message.receipt;
            receipts.push(message.receipt);
          });
          return {
            what: `poll ${count}`,
            got: got.map(({ body, attempts }) => [body, attempts]),
            expected: taken.map(({ body, attempts }) => [body, attempts]),
          };
        }
        case 5: {
          model = model.filter((each) => each !== held);
          const expected = held !== undefined;
          return { what: 'acknowledge', got: queue.acknowledge('c', receipt), expected };
        }
        case 6: {
          const delayMs = random.below(2) * random.below(60);
          if (held !== undefined) Object.assign(held, { place: 'waiting', time: clock + delayMs });
          const expected = held !== undefined;
          return { what: 'release', got: queue.release('c', receipt, delayMs), expected };
        }
        case 7: {
          const ms = 1 + random.below(100);
          if (held !== undefined) held.time = clock + ms;
          const expected = held !== undefined;
          return { what: 'extend', got: queue.extend('c', receipt, ms), expected };
        }
        default: {
          const dead = inPlace('dead').slice(0, 2);
          if (random.below(2) === 0) {
            for (const each of dead) {
              Object.assign(each, { place: 'waiting', time: clock, attempts: 0 });
            }
            return { what: 'revive', got: queue.revive('c', 2), expected: dead.length };
          }
          model = model.filter((each) => !dead.includes(each));
          return { what: 'deleteDead', got: queue.deleteDead('c', 2), expected: dead.length };
        }
      }
    },
    content: () => ({
      got: [queue.counts('c'), queue.deadLetters('c').map(({ body }) => body)],
      expected: [counts(), inPlace('dead').map(({ body }) => body)],
    }),
    drop: () => queue.drop('c'),
  };
}

function walk(t: ExecutionContext, pair: Pair, random: Random, steps: number): void {
  for (let i = 0; i < steps; i++) {
    const { what, got, expected } = pair.step(random);
    // An assertion for each step costs more than the steps.
    if (JSON.stringify(got) !== JSON.stringify(expected)) t.deepEqual(got, expected, what);
  }
  const { got, expected } = pair.content();
  if (JSON.stringify(got) !== JSON.stringify(expected)) t.deepEqual(got, expected);
  t.pass();
}

async function emptied(t: ExecutionContext, pair: Pair, store: TestStore): Promise<void> {
  t.true(await store.call(() => pair.drop()));
  t.deepEqual(store.keys(), []);
}

for (const [what, pairOf] of [
  ['hash', hashPair],
  ['list', listPair],
  ['sorted', sortedPair],
  ['queue', queuePair],
] as const) {
  test.serial(`random operations on a ${what} give what they do on plain JavaScript`, async (t) => {
    const store = createStore({ now: () => clock });
    const pair = pairOf();
    const random = new Random(testSeed());
    await store.call(() => walk(t, pair, random, 4_000));
    await emptied(t, pair, store);
  });

  test.serial(`so do those on a ${what} across invocations, as time passes`, async (t) => {
    const store = createStore({ now: () => clock });
    const pair = pairOf();
    const random = new Random(testSeed() + 1);
    for (let i = 0; i < 400; i++) {
      await store.call(() => walk(t, pair, random, 1 + random.below(12)));
      clock += random.below(30);
    }
    await emptied(t, pair, store);
  });
}
