import test from 'ava';
import { CHECKS_RUNS, environmentOf } from '../build-scripts/testing/v8_checks.ts';

test('the whole set of tests, but for the sweep, runs once with as many random calls as are asked for', (t) => {
  const whole = CHECKS_RUNS.filter((run) => run.filter.startsWith('*-'));
  t.is(whole.length, 1);
  for (const run of whole) {
    t.deepEqual(environmentOf(run, 1_000_000), {
      SHREDDER_TEST_V8_FLAGS: '--verify-heap',
      SHREDDER_TEST_CALLS: '1000000',
    });
  }
});

test('each run asks for one random call at least, by flags that no other run has', (t) => {
  for (const run of CHECKS_RUNS) {
    t.true(Number(environmentOf(run, 1)['SHREDDER_TEST_CALLS']) >= 1);
  }
  const flags = CHECKS_RUNS.map((run) => run.flags.join(' '));
  t.is(new Set(flags).size, flags.length);
});
