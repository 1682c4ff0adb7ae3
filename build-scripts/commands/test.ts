import { Command, Option } from 'commander';
import path from 'node:path';
import { loadConfig, type Config } from '../config.ts';
import { lastLineOf, UserError } from '../errors.ts';
import { ensureRuntime, readUnitTests, type RuntimeBuild } from '../runtime/build.ts';
import { CommandError, run } from '../system/command.ts';
import { listFiles } from '../system/files.ts';
import { ensurePackages, TEST_PACKAGES } from '../system/packages.ts';
import {
  AF_XDP_ENVIRONMENT,
  AF_XDP_TESTS,
  ENTER_NAMESPACE,
  requireVeth,
} from '../testing/af_xdp.ts';
import { Tally } from '../testing/tally.ts';
import { withoutTest, type UnitTest } from '../testing/unit_tests.ts';
import { CHECKS_RUNS, DEFAULT_RANDOM_CALLS, environmentOf } from '../testing/v8_checks.ts';
import { describeFailure } from '../ui/failure.ts';
import { Steps, type Step } from '../ui/steps.ts';
import { checkPatches } from './patches.ts';
import { requireStyle } from './style.ts';
import { withOption } from './with_option.ts';

/** A unit test that takes longer hangs, on a slow and busy machine and with V8's checks too. */
const UNIT_TEST_TIMEOUT_SECONDS = 3600;

interface TestOptions {
  v8Checks?: boolean;
  with?: string[];
  randomCalls?: number;
}

/** `shredder test`, behind `npm test`: everything that is built, checked and tested. */
export function testCommand(): Command {
  return new Command('test')
    .argument('[files...]', "ava's test files (default: all)")
    .option('--v8-checks', "run the engine's tests alone, in a V8 with its own checks, many ways")
    .addOption(withOption("the variant's own tests alone, of the runtime that has this besides"))
    .addOption(
      new Option('--random-calls <count>', 'random calls of the builtins, with --v8-checks')
        .default(DEFAULT_RANDOM_CALLS)
        .argParser(parseCount),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  shredder test\n  shredder test --v8-checks\n  shredder test --with dpdk',
    )
    .action(async (files: string[], options: TestOptions) => {
      const tally = new Tally();
      try {
        if (options.v8Checks === true) {
          await testWithChecks(options.randomCalls ?? DEFAULT_RANDOM_CALLS, tally);
        } else if (options.with !== undefined) {
          await testExtras(options.with, files, tally);
        } else {
          await testEverything(files, tally);
        }
      } catch (error) {
        if (tally.failures === 0) tally.addCheck('shredder test', false);
        throw error;
      } finally {
        for (const name of tally.failedNames) process.stdout.write(`failed: ${name}\n`);
        process.stdout.write(`${tally}\n`);
      }
    });
}

/** Of the one that the project is checked by: tests have another beside it. */
const TSC = path.join('node_modules', 'typescript', 'bin', 'tsc');

async function testEverything(files: readonly string[], tally: Tally): Promise<void> {
  const config = loadConfig();
  const steps = new Steps();
  const log = (name: string): string => path.join(config.cache, 'logs', `${name}.log`);

  await steps.run('Test packages', (step) => ensurePackages(TEST_PACKAGES, step, log('packages')));
  // What takes seconds comes first; what it finds does not keep the tests from running.
  const check = (name: string, work: () => Promise<unknown>): Promise<void> =>
    runCheck(name, work, steps, tally);
  await check('Style', () => requireStyle(config, { fix: false }));
  await check('Type check', () =>
    run(process.execPath, [TSC, '--noEmit'], { cwd: config.repository }),
  );
  await check('Patch lint', () => checkPatches(config));
  const runtime = await ensureRuntime(config, steps);
  await runUnitTests(runtime, await readUnitTests(runtime), steps, tally, log('unit-tests'));
  await runAva(config, files, steps, tally);
  if (tally.failures > 0) throw new UserError('tests failed');
}

/** A check that counts as one test. */
async function runCheck(
  name: string,
  work: () => Promise<unknown>,
  steps: Steps,
  tally: Tally,
): Promise<void> {
  try {
    await steps.run(name, work);
    tally.addCheck(name, true);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    steps.note(describeFailure(error));
    tally.addCheck(name, false);
  }
}

/** The engine's tests in the variant with V8's checks, all runs whatever fails. */
async function testWithChecks(calls: number, tally: Tally): Promise<void> {
  const config = loadConfig({ v8Checks: true });
  const steps = new Steps();
  const { binDir } = await ensureRuntime(config, steps);
  const log = path.join(config.cache, 'logs', 'v8-checks.log');
  for (const checksRun of CHECKS_RUNS) {
    await steps.run(`Engine tests ${checksRun.flags.join(' ')}`, (step) =>
      runUnitTest(path.join(binDir, 'engine_test'), step, tally, {
        log,
        args: [`--gtest_filter=${checksRun.filter}`],
        env: environmentOf(checksRun, calls),
      }),
    );
  }
  if (tally.failures > 0) throw new UserError('tests failed', `See ${log}.`);
}

/**
 * What the variant has tests of its own for: unit tests that CTest labels with the extra, and ava's
 * in `tests/<extra>/`. The others are the same in any variant.
 */
async function testExtras(
  names: readonly string[],
  files: readonly string[],
  tally: Tally,
): Promise<void> {
  const config = loadConfig({ with: names });
  const steps = new Steps();
  const log = (name: string): string => path.join(config.cache, 'logs', `${name}.log`);
  await steps.run('Test packages', (step) => ensurePackages(TEST_PACKAGES, step, log('packages')));
  const runtime = await ensureRuntime(config, steps);
  const tests = (await readUnitTests(runtime)).filter(({ labels }) =>
    config.extras.some((extra) => labels.includes(extra)),
  );
  await runUnitTests(runtime, tests, steps, tally, log('unit-tests'));
  for (const extra of config.extras) {
    const folder = path.join('tests', extra);
    // package.json leaves the folder out of ava's own search; files that are named run all the same.
    const found = (await listFiles(path.join(config.repository, folder))).filter(
      (name) => name.endsWith('.test.ts') && !name.includes('/'),
    );
    const own = files.length > 0 ? files : found.map((name) => path.join(folder, name));
    if (own.length === 0) continue;
    await runAva(config, own, steps, tally);
  }
  if (config.extras.includes('dpdk') && files.length === 0) {
    await testOverAfXdp(config, steps, tally);
  }
  if (tally.failures > 0) throw new UserError('tests failed', `See ${log('unit-tests')}.`);
}

/** Tests that hold over any network, over this one. */
async function testOverAfXdp(config: Config, steps: Steps, tally: Tally): Promise<void> {
  try {
    await requireVeth();
  } catch (error) {
    steps.note(
      `NOT TESTED: clients over AF_XDP, as there is no veth pair in a namespace (needs root): ${lastLineOf(error)}`,
    );
    return;
  }
  await runAva(config, AF_XDP_TESTS, steps, tally, {
    enter: ENTER_NAMESPACE,
    env: AF_XDP_ENVIRONMENT,
  });
}

/** Runs C++ unit tests as CTest lists them: all, whatever fails. */
async function runUnitTests(
  runtime: RuntimeBuild,
  tests: readonly UnitTest[],
  steps: Steps,
  tally: Tally,
  log: string,
): Promise<void> {
  const { binDir } = runtime;
  const all = await readUnitTests(runtime);
  const [forgotten] = withoutTest(await listFiles(binDir), all);
  if (forgotten !== undefined) {
    throw new UserError(
      `${forgotten} is built, but no test of CTest's runs it`,
      `Write add_test(NAME ${forgotten} COMMAND ${forgotten}) where it is added.`,
    );
  }
  await steps.run('C++ unit tests', async (step) => {
    for (const [index, { name, program, args, env }] of tests.entries()) {
      step.detail(name);
      step.progress(index, tests.length);
      await runUnitTest(path.join(binDir, program), step, tally, {
        log,
        args,
        env,
      });
    }
    step.detail(`${tests.length} runs`);
  });
}

interface UnitTestOptions {
  log: string;
  args: readonly string[];
  env: Record<string, string>;
}

/** Runs one C++ unit test and counts what it reports; its failures are shown. */
async function runUnitTest(
  program: string,
  step: Step,
  tally: Tally,
  { log, args, env }: UnitTestOptions,
): Promise<void> {
  const limit = ['--kill-after=5', String(UNIT_TEST_TIMEOUT_SECONDS)];
  try {
    const { output } = await run('timeout', [...limit, program, ...args], {
      log,
      env: { ...env, GTEST_BRIEF: '1' },
    });
    tally.addUnitTest(path.basename(program), output, true);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    tally.addUnitTest(path.basename(program), error.output, false);
    step.line(error.message);
  }
}

function parseCount(text: string): number {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
  throw new UserError(`--random-calls is "${text}", but must be a whole number from 1 on`);
}

interface AvaOptions {
  /** What comes before it to start it, which must become it. */
  enter?: readonly string[];
  env?: Readonly<Record<string, string>>;
}

/** ava's lines are shown as they come: its report is the point of it. */
async function runAva(
  config: Config,
  files: readonly string[],
  steps: Steps,
  tally: Tally,
  { enter = [], env = {} }: AvaOptions = {},
): Promise<void> {
  await steps.run('End-to-end tests', async (step) => {
    try {
      const onLine = (line: string): void => step.line(line);
      const ava = path.join(config.repository, 'node_modules', '.bin', 'ava');
      const [file, ...args] = [...enter, ava, ...files];
      tally.addAva((await run(file!, args, { cwd: config.repository, onLine, env })).output, true);
    } catch (error) {
      // The report has been shown already.
      if (!(error instanceof CommandError)) throw error;
      tally.addAva(error.output, false);
    }
  });
}
