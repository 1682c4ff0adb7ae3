import test from 'ava';
import { keyOf } from '../build-scripts/cache/key.ts';
import {
  buildSettings,
  gypVariables,
  optimisationOf,
  variantKey,
} from '../build-scripts/v8/settings.ts';

test("V8's checks are on in the variant with checks, and off in the one that is used", (t) => {
  const release = gypVariables('x64', 'release');
  const checks = gypVariables('x64', 'checks');
  for (const variable of [
    'dcheck_always_on',
    'v8_enable_slow_dchecks',
    'v8_enable_v8_checks',
    'v8_enable_verify_heap',
    'v8_enable_verify_csa',
  ]) {
    t.is(checks[variable], 1, variable);
    t.is(release[variable] ?? 0, 0, variable);
  }
  // Whatever else the builds differ in makes the checks no test of what is used.
  for (const variable of ['v8_enable_webassembly', 'v8_use_siphash', 'v8_enable_shared_ro_heap']) {
    t.is(checks[variable], release[variable], variable);
  }
});

test('the variants share neither a tree nor a result', (t) => {
  const tree = (variant: 'release' | 'checks'): string =>
    keyOf({ source: 's', compiler: 'c', arch: 'x64', ...variantKey(variant) });
  t.not(tree('checks'), tree('release'));
  t.notDeepEqual(buildSettings('x64', 'checks'), buildSettings('x64', 'release'));
});

test('the release variant is keyed as a build without variants', (t) => {
  t.deepEqual(variantKey('release'), {});
});

test('what is shipped is compiled for speed; what only builds V8 is compiled fast', (t) => {
  t.is(optimisationOf('v8_base_without_compiler', 'release'), undefined);
  t.is(optimisationOf('v8_base_without_compiler', 'checks'), '-O1');
  for (const variant of ['release', 'checks'] as const) {
    t.is(optimisationOf('mksnapshot', variant), '-O0');
  }
});
