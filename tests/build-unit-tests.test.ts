import test from 'ava';
import { parseCTest, withoutTest } from '../build-scripts/testing/unit_tests.ts';

const CTEST = JSON.stringify({
  kind: 'ctestInfo',
  tests: [
    {
      name: 'a_test',
      command: ['/build/bin/a_test'],
      properties: [{ name: 'WORKING_DIRECTORY', value: '/build/a' }],
    },
    {
      name: 'a_stress_test',
      command: ['/build/bin/a_test', '--gtest_filter=*B*:C*'],
      properties: [
        { name: 'ENVIRONMENT', value: ['FLAGS=--x --y=1', 'MORE='] },
        { name: 'LABELS', value: ['dpdk'] },
      ],
    },
    { name: 'bench_runs', command: ['/build/bin/bench', '20000'] },
  ],
});

test("CTest's tests are run with the arguments and the environment that CMake gave them", (t) => {
  t.deepEqual(parseCTest(CTEST), [
    { name: 'a_test', program: 'a_test', args: [], env: {}, labels: [] },
    {
      name: 'a_stress_test',
      program: 'a_test',
      args: ['--gtest_filter=*B*:C*'],
      env: { FLAGS: '--x --y=1', MORE: '' },
      labels: ['dpdk'],
    },
    { name: 'bench_runs', program: 'bench', args: ['20000'], env: {}, labels: [] },
  ]);
});

test('a unit test that CTest does not know is found', (t) => {
  t.deepEqual(withoutTest(['a_test', 'b_test', 'bench', 'shredderd'], parseCTest(CTEST)), [
    'b_test',
  ]);
});
