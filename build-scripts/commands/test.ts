import { Command } from 'commander';
import path from 'node:path';
import { listFiles } from '../cache/files.ts';
import { loadConfig, type Config } from '../config.ts';
import { UserError } from '../errors.ts';
import { ensureRuntime } from '../runtime/build.ts';
import { CommandError, run } from '../system/command.ts';
import { ensurePackages, TEST_PACKAGES } from '../system/packages.ts';
import { Tally } from '../testing/tally.ts';
import { Steps } from '../ui/steps.ts';
import { checkPatches } from './patches.ts';

/** A unit test that takes longer hangs. */
const UNIT_TEST_TIMEOUT_SECONDS = 600;

/** `shredder test`, behind `npm test`: everything that is built, checked and tested. */
export function testCommand(): Command {
  return new Command('test')
    .description('build what is missing, check types and patches, run the unit tests and ava')
    .argument('[files...]', "ava's test files (default: all)")
    .action(async (files: string[]) => {
      const tally = new Tally();
      try {
        await testEverything(files, tally);
      } catch (error) {
        if (tally.failures === 0) tally.addFailure();
        throw error;
      } finally {
        process.stdout.write(`${tally}\n`);
      }
    });
}

async function testEverything(files: readonly string[], tally: Tally): Promise<void> {
  const config = loadConfig();
  const steps = new Steps();
  const bin = path.join(config.repository, 'node_modules', '.bin');
  const log = (name: string): string => path.join(config.cache, 'logs', `${name}.log`);

  await steps.run('Test packages', (step) => ensurePackages(TEST_PACKAGES, step, log('packages')));
  const { binDir } = await ensureRuntime(config, steps);
  await steps.run('Type check', () =>
    run(path.join(bin, 'tsc'), ['--noEmit'], { cwd: config.repository }),
  );
  await steps.run('Patch lint', () => checkPatches(config));
  await runUnitTests(binDir, steps, tally, log('unit-tests'));
  await runAva(config, path.join(bin, 'ava'), files, steps, tally);
  if (tally.failures > 0) throw new UserError('tests failed');
}

/** Runs the C++ unit tests, which are executables whose names end in _test: all, whatever fails. */
async function runUnitTests(
  binDir: string,
  steps: Steps,
  tally: Tally,
  log: string,
): Promise<void> {
  const tests = (await listFiles(binDir)).filter((name) => name.endsWith('_test'));
  if (tests.length === 0) throw new UserError(`no unit tests were built in ${binDir}`);
  await steps.run('C++ unit tests', async (step) => {
    for (const [index, name] of tests.entries()) {
      step.detail(name);
      step.progress(index, tests.length);
      const limit = ['--kill-after=5', String(UNIT_TEST_TIMEOUT_SECONDS)];
      try {
        const args = [...limit, path.join(binDir, name), '--gtest_brief=1'];
        tally.addGoogleTest((await run('timeout', args, { log })).output, true);
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        tally.addGoogleTest(error.output, false);
        step.line(error.message);
      }
    }
    step.detail(`${tests.length} programs`);
  });
}

/** ava's lines are shown as they come: its report is the point of it. */
async function runAva(
  config: Config,
  ava: string,
  files: readonly string[],
  steps: Steps,
  tally: Tally,
): Promise<void> {
  await steps.run('End-to-end tests', async (step) => {
    try {
      const onLine = (line: string): void => step.line(line);
      tally.addAva((await run(ava, files, { cwd: config.repository, onLine })).output, true);
    } catch (error) {
      // The report has been shown already.
      if (!(error instanceof CommandError)) throw error;
      tally.addAva(error.output, false);
    }
  });
}
