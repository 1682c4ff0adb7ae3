export { randomFrom } from '../../build-scripts/bench/random.ts';

/**
 * The seed of random tests: the same in every run, so that a failure can be repeated; another one
 * is taken from the environment, SHREDDER_TEST_SEED.
 */
export function testSeed(): number {
  const text = process.env['SHREDDER_TEST_SEED'] ?? '20260';
  if (!/^\d{1,9}$/.test(text)) throw new Error(`SHREDDER_TEST_SEED is "${text}", no number`);
  return Number(text);
}
