// What functions must find in the store through HTView, HTGetMany, HTAdd and HTScan: one body of
// tests, for the store and for its test double.
import type { ExecutionContext, TestFn } from 'ava';
import 'shredder-functions/register';

// Imported once `shredder:store` resolves.
const { SCENARIOS } = await import('../fixtures/scenarios.ts');

const MAX_SCAN_STEPS = 2_000;

/** A store, empty, with the library `tests/fixtures/scenarios.ts`. */
export interface Subject {
  /** As FCALL: what the function returns. Rejects with an Error of the function's or a reply's. */
  call(name: string, keys?: readonly string[], args?: readonly string[]): Promise<unknown>;
  /** As the command SET. */
  set(key: string, value: string | Buffer): Promise<void>;
  /** As the command GET; null where the key is absent. */
  get(key: string): Promise<string | null>;
}

/** The class of the error that a call ends with, or READONLY. */
async function errorOf(t: ExecutionContext, call: Promise<unknown>): Promise<string | undefined> {
  const { name, message } = (await t.throwsAsync(call)) ?? {};
  if (message?.startsWith('READONLY ')) return 'READONLY';
  return name === 'ReplyError' ? /^ERR (\w+): /.exec(message ?? '')?.[1] : name;
}

/** The keys that a scan finds in steps of an invocation each; `between` runs after each. */
export async function scanInSteps(
  { call }: Pick<Subject, 'call'>,
  between: () => Promise<void> = async () => {},
): Promise<string[]> {
  const found: string[] = [];
  let cursor = 0;
  for (let steps = 0; steps < MAX_SCAN_STEPS; steps++) {
    const [next, keys] = (await call('scanStep', [], [String(cursor)])) as [number, string[]];
    found.push(...keys);
    cursor = next;
    if (cursor === 0) return found;
    await between();
  }
  throw new Error(`no end after ${MAX_SCAN_STEPS} steps`);
}

/** Numbers as little-endian uint32, one after the other. */
function uint32(...values: number[]): Buffer {
  return Buffer.from(Uint32Array.from(values).buffer);
}

/**
 * Declares the tests.
 *
 * @param subjectFor Makes what each works on.
 * @param where Follows the tests' titles, where there are several subjects.
 */
export function testStoreFunctions(
  test: TestFn,
  subjectFor: (t: ExecutionContext) => Promise<Subject>,
  where = '',
): void {
  SCENARIOS.forEach(({ title, gives }, index) => {
    test.serial(`${title}${where}`, async (t) => {
      const subject = await subjectFor(t);
      t.deepEqual(await subject.call('scenario', [], [String(index)]), gives);
    });
  });

  test.serial(
    `a view is of no use once its invocation has ended, in any way${where}`,
    async (t) => {
      const subject = await subjectFor(t);
      await subject.set('k', '12345678');
      const before = (await subject.call('useKeptViews')) as unknown[];
      t.is(await subject.call('keepView', ['k']), '1'.charCodeAt(0));
      t.is(await errorOf(t, subject.call('keepView', ['k'], ['fail'])), 'EvalError');
      const outcomes = (await subject.call('useKeptViews')) as unknown[];
      t.is(outcomes.length, before.length + 2 * 11);
      t.deepEqual([...new Set(outcomes)], ['TypeError']);
      t.is(await subject.call('keepView', ['k']), '1'.charCodeAt(0), 'a new view works');
    },
  );

  test.serial(`what HTAdd counts is what commands count${where}`, async (t) => {
    const subject = await subjectFor(t);
    await subject.set('n', '41');
    t.is(await subject.call('add', ['n'], ['1']), 42);
    t.is(await subject.get('n'), '42');
    await subject.set('n', 'x');
    t.is(await errorOf(t, subject.call('add', ['n'], ['1'])), 'TypeError');
    t.is(await subject.get('n'), 'x');
  });

  test.serial(`what HTAdd did is undone where the function throws${where}`, async (t) => {
    const subject = await subjectFor(t);
    await subject.set('n', '41');
    for (const key of ['n', 'new']) {
      t.is(await errorOf(t, subject.call('add', [key], ['1', 'fail'])), 'EvalError');
    }
    t.deepEqual([await subject.get('n'), await subject.get('new')], ['41', null]);
  });

  test.serial(`HTAdd is refused in a function with the flag no-writes${where}`, async (t) => {
    const subject = await subjectFor(t);
    await subject.set('n', '41');
    t.is(await errorOf(t, subject.call('addDespiteFlag', ['n'])), 'READONLY');
    t.is(await subject.get('n'), '41');
  });

  test.serial(`what reads works in a function that cannot write${where}`, async (t) => {
    const subject = await subjectFor(t);
    await subject.set('7', uint32(9, 8));
    await subject.set('k', 'A');
    t.deepEqual(await subject.call('readOnly', ['7', 'k']), [[65], 1, [9], ['"k"', '7']]);
  });

  test.serial(
    `a scan goes on in later invocations, whatever is written between${where}`,
    async (t) => {
      const subject = await subjectFor(t);
      const stays = Array.from({ length: 300 }, (_, i) => (i % 2 === 0 ? String(i) : `key:${i}`));
      for (const key of stays) await subject.set(key, 'v');
      let others = 0;
      const found = new Set(
        await scanInSteps(subject, async () => {
          for (let i = 0; i < 5; i++) await subject.set(`other:${others++}`, 'v');
        }),
      );
      t.deepEqual(
        stays.filter((key) => !found.has(key)),
        [],
      );
    },
  );
}
