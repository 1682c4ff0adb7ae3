// The count of tests behind `npm test`, from the reports of the programs that run them.
import test from 'ava';
import { Tally } from '../build-scripts/testing/tally.ts';

test('reports of several programs add up', (t) => {
  const tally = new Tally();
  t.is(String(tally), '0 passed, 0 failed');
  tally.addUnitTest(
    'a_test',
    '[==========] 45 tests from 9 test suites ran. (23 ms total)\n[  PASSED  ] 45 tests.',
    true,
  );
  tally.addUnitTest(
    'a_test',
    '[  FAILED  ] A.b (0 ms)\n[  FAILED  ] A.c (1 ms)\n' +
      '[==========] 4 tests from 1 test suite ran. (3 ms total)\n[  PASSED  ] 1 test.\n[  SKIPPED ] 1 test.',
    false,
  );
  tally.addAva(
    '  \u2714 a \u203a 7 tests passed through\n  \u2714 a \u203a b\n    \u2139 2 tests passed\n' +
      '  \u2500\n\n  2 tests passed',
    true,
  );
  tally.addAva(
    '  3 tests failed\n  1 hook failed\n  1 uncaught exception\n  2 tests were pending in tests/a.test.ts',
    false,
  );
  t.is(String(tally), '48 passed, 9 failed');
});

test('a program without a report is one test, and one that ran no test has failed', (t) => {
  const tally = new Tally();
  tally.addUnitTest('bench', 'operation           count  clock   mean us', true);
  t.is(String(tally), '1 passed, 0 failed');
  tally.addUnitTest(
    'a_test',
    '[==========] 0 tests from 0 test suites ran. (0 ms total)\n[  PASSED  ] 0 tests.',
    true,
  );
  t.is(String(tally), '1 passed, 1 failed');
});

test('a check counts as one test', (t) => {
  const tally = new Tally();
  tally.addCheck('Style', true);
  tally.addCheck('Style', false);
  t.is(String(tally), '1 passed, 1 failed');
});

test('a program that breaks off without a report has failed', (t) => {
  const tally = new Tally();
  tally.addUnitTest('a_test', '[ RUN      ] A.b\nSegmentation fault', false);
  tally.addAva('', false);
  t.is(String(tally), '0 passed, 2 failed');
  t.is(tally.failures, 2);
});

test('each failure is named: tests as their program names them, else the program', (t) => {
  const tally = new Tally();
  tally.addCheck('Patch lint', true);
  tally.addCheck('Style', false);
  tally.addUnitTest(
    'store_test',
    '[  FAILED  ] A.b (0 ms)\n[  FAILED  ] Sizes/A.c/2, where GetParam() = 2-byte (1 ms)\n' +
      '[==========] 3 tests from 1 test suite ran. (3 ms total)\n[  PASSED  ] 1 test.',
    false,
  );
  tally.addUnitTest('engine_test', '[ RUN      ] A.b\nSegmentation fault', false);
  tally.addAva(
    '  \u2718 [fail]: tenants \u203a a key of one is no key of the other (1.2s) Error\n' +
      '  \u2714 tenants \u203a another\n  1 test failed\n  1 uncaught exception',
    false,
  );
  t.deepEqual(tally.failedNames, [
    'Style',
    'store_test A.b',
    'store_test Sizes/A.c/2',
    'engine_test',
    'tenants \u203a a key of one is no key of the other (1.2s) Error',
    'ava',
  ]);
  t.is(tally.failures, 6);
});
