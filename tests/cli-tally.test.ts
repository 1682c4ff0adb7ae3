// The count of tests behind `npm test`, from the reports of the programs that run them.
import test from 'ava';
import { Tally } from '../build-scripts/testing/tally.ts';

test('reports of several programs add up', (t) => {
  const tally = new Tally();
  t.is(String(tally), '0 passed, 0 failed');
  tally.addUnitTest(
    '[==========] 45 tests from 9 test suites ran. (23 ms total)\n[  PASSED  ] 45 tests.',
    true,
  );
  tally.addUnitTest(
    '[  FAILED  ] A.b (0 ms)\n[  FAILED  ] A.c (1 ms)\n' +
      '[==========] 4 tests from 1 test suite ran. (3 ms total)\n[  PASSED  ] 1 test.\n[  SKIPPED ] 1 test.',
    false,
  );
  tally.addAva('  \u2714 a \u203a 7 tests passed through\n  \u2500\n\n  120 tests passed', true);
  tally.addAva(
    '  3 tests failed\n  1 hook failed\n  1 uncaught exception\n  2 tests were pending in tests/a.test.ts',
    false,
  );
  t.is(String(tally), '166 passed, 9 failed');
});

test('a program without a report is one test, and one that ran no test has failed', (t) => {
  const tally = new Tally();
  tally.addUnitTest('operation           count  clock   mean us', true);
  t.is(String(tally), '1 passed, 0 failed');
  tally.addUnitTest(
    '[==========] 0 tests from 0 test suites ran. (0 ms total)\n[  PASSED  ] 0 tests.',
    true,
  );
  t.is(String(tally), '1 passed, 1 failed');
});

test('a check counts as one test', (t) => {
  const tally = new Tally();
  tally.addCheck(true);
  tally.addCheck(false);
  t.is(String(tally), '1 passed, 1 failed');
});

test('a program that breaks off without a report has failed', (t) => {
  const tally = new Tally();
  tally.addUnitTest('[ RUN      ] A.b\nSegmentation fault', false);
  tally.addAva('', false);
  t.is(String(tally), '0 passed, 2 failed');
  t.is(tally.failures, 2);
});
