import { cp, link, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hashFiles, keyOf } from '../cache/key.ts';
import { withLock } from '../cache/lock.ts';
import { pruneResults } from '../cache/prune.ts';
import { EXTRAS, type Config } from '../config.ts';
import { UserError } from '../errors.ts';
import { capture, run } from '../system/command.ts';
import { keep, keepCommands, readCompileCommands } from '../system/compile_commands.ts';
import { ensureLwip, type LwipBuild } from '../lwip/build.ts';
import {
  createFolderAtomically,
  exists,
  listFiles,
  removeTemporaries,
  syncFiles,
  writeIfChanged,
} from '../system/files.ts';
import { BUILD_PACKAGES, ensurePackages, EXTRA_PACKAGES } from '../system/packages.ts';
import { compilerVersion, TOOLCHAIN } from '../system/toolchain.ts';
import { parseCTest, type UnitTest } from '../testing/unit_tests.ts';
import type { Step, Steps } from '../ui/steps.ts';
import { ensureV8, type V8Build } from '../v8/build.ts';
import { runNinja } from '../v8/ninja.ts';
import { BUILTINS_FOLDER, variantKey } from '../v8/settings.ts';
import { bundleWebUrl, type WebBundle } from './web_bundle.ts';

export interface RuntimeBuild {
  /** Folder of shredderd, the bench and the unit tests (`*_test`). */
  binDir: string;
  /** Folder that CMake built them in; later builds of any checkout change it. */
  buildDir: string;
  /** Identifies the result: everything that enters it is in this key. */
  key: string;
  v8: V8Build;
}

/** Increased when this script makes another result of the same inputs. */
const RESULT_FORMAT = 4;

/** The unit tests of a result, as CTest lists them. */
const TESTS_FILE = 'tests.json';

/** The licences of what of others is in a result's executables. */
export const LICENSES_FILE = 'licenses.txt';

/** What web_globals.cc embeds of what is bundled, beside the sources. */
const BUNDLE_FOLDER = 'bundle';
const BUNDLE_FILE = 'url.js';

/** Folders of the repository that the runtime is compiled from. */
export const SOURCE_FOLDERS = ['runtime', BUILTINS_FOLDER] as const;

const CMAKE_ARGUMENTS = [
  '-G',
  'Ninja',
  '-DCMAKE_BUILD_TYPE=Release',
  `-DCMAKE_C_COMPILER=${TOOLCHAIN.cc}`,
  `-DCMAKE_CXX_COMPILER=${TOOLCHAIN.cxx}`,
  '-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld',
] as const;

/**
 * Finds or makes the runtime for this checkout, and before it all that it needs: the normal one, or
 * the variant of `loadConfig({ with: [...] })`.
 */
export async function ensureRuntime(config: Config, steps: Steps): Promise<RuntimeBuild> {
  const packages = [...BUILD_PACKAGES, ...config.extras.flatMap((extra) => EXTRA_PACKAGES[extra])];
  await steps.run('System packages', (step) =>
    ensurePackages(packages, step, path.join(config.cache, 'logs', 'packages.log')),
  );
  const v8 = await ensureV8(config, steps);
  const lwip = await ensureLwip(config, steps);
  return await steps.run('Runtime build', (step) => buildRuntime(config, v8, lwip, step));
}

/** The runs of a runtime's unit tests. */
export async function readUnitTests({ binDir }: RuntimeBuild): Promise<UnitTest[]> {
  return JSON.parse(await readFile(path.join(binDir, '..', TESTS_FILE), 'utf8')) as UnitTest[];
}

async function buildRuntime(
  config: Config,
  v8: V8Build,
  lwip: LwipBuild,
  step: Step,
): Promise<RuntimeBuild> {
  const files = await sourceFiles(config);
  const bundle = await bundleWebUrl(config.repository);
  const compiler = await compilerVersion();
  const treeKey = keyOf({
    compiler,
    arguments: CMAKE_ARGUMENTS.join('\n'),
    // One tree a variant: V8's macros for embedders differ, which compiles everything anew.
    ...variantKey(config.v8Variant),
    ...(await extrasKey(config)),
  });
  const key = keyOf({
    format: String(RESULT_FORMAT),
    tree: treeKey,
    v8: v8.record.key,
    lwip: lwip.key,
    sources: await hashFiles(config.repository, files),
    bundle: bundle.code,
    licenses: bundle.licenses,
  });
  const root = path.join(config.cache, 'runtime', treeKey);
  const buildDir = path.join(root, 'build');
  const results = path.join(config.cache, 'runtime', 'dist');
  const result = path.join(results, key);
  const found = { binDir: path.join(result, 'bin'), buildDir, key, v8 };
  if (await isFinished(result)) {
    step.detail('up to date');
    return found;
  }
  await withLock(
    path.join(root, 'lock'),
    (owner) => step.wait(owner),
    async (lock) => {
      step.detail('');
      if (await isFinished(result)) return;
      const log = path.join(root, 'build.log');
      await rm(log, { force: true });
      await removeTemporaries(results);
      await syncInputs(config, files, bundle, v8, root);
      const lwipFolder = path.join(root, 'lwip');
      await syncFiles(lwip.folder, lwip.files, lwipFolder);
      const source = path.join(root, 'src');
      // Diagnostics name the files that one edits, not the copies that are compiled.
      const mapLine = (line: string): string =>
        line
          .replaceAll(`${source}/`, `${config.repository}/`)
          .replaceAll('../src/', `${config.repository}/`);
      const executables = path.join(buildDir, 'bin');
      await run(
        'cmake',
        [
          '-S',
          path.join(source, 'runtime'),
          '-B',
          buildDir,
          ...CMAKE_ARGUMENTS,
          `-DSHREDDER_V8_DIR=${path.join(root, 'v8')}`,
          `-DSHREDDER_LWIP_DIR=${lwipFolder}`,
          ...EXTRAS.map((extra) => {
            const state = config.extras.includes(extra) ? 'ON' : 'OFF';
            return `-DSHREDDER_WITH_${extra.toUpperCase()}=${state}`;
          }),
          `-DSHREDDER_BUNDLE_DIR=${path.join(root, BUNDLE_FOLDER)}`,
          `-DCMAKE_RUNTIME_OUTPUT_DIRECTORY=${executables}`,
        ],
        { log, mapLine },
      );
      await removeStale(executables, buildDir);
      await runNinja({
        folder: buildDir,
        targets: ['all'],
        jobs: config.jobs,
        log,
        step,
        lockFd: lock.fd,
        mapLine,
      });
      const tests = parseCTest(
        await capture('ctest', ['--test-dir', buildDir, '--show-only=json-v1']),
      );
      const commands = await readCompileCommands(buildDir);
      await mkdir(results, { recursive: true });
      await createFolderAtomically(result, async (folder) => {
        await cp(executables, path.join(folder, 'bin'), { recursive: true });
        await keepCommands(
          folder,
          commands.map((command) => keep(command, source)),
        );
        await writeFile(path.join(folder, TESTS_FILE), `${JSON.stringify(tests, undefined, 2)}\n`);
        await writeFile(path.join(folder, LICENSES_FILE), `${lwip.license}\n${bundle.licenses}`);
        await writeFile(path.join(folder, 'key'), `${key}\n`);
      });
      await pruneResults(results);
    },
  );
  return found;
}

/** What extras add to the key of a tree, with the versions of what they bring; nothing without. */
async function extrasKey(config: Config): Promise<Readonly<Record<string, string>>> {
  const key: Record<string, string> = {};
  for (const extra of config.extras) {
    key[extra] = await capture('pkg-config', ['--modversion', `lib${extra}`]);
  }
  return key;
}

async function sourceFiles(config: Config): Promise<string[]> {
  const files: string[] = [];
  for (const folder of SOURCE_FOLDERS) {
    const names = await listFiles(path.join(config.repository, folder));
    files.push(...names.map((name) => path.join(folder, name)).filter(isSource));
  }
  if (!files.includes('runtime/CMakeLists.txt')) {
    throw new UserError(
      `${path.join(config.repository, 'runtime/CMakeLists.txt')} does not exist`,
      'Run from a whole checkout of the repository.',
    );
  }
  return files;
}

function isSource(file: string): boolean {
  return !file.endsWith('.md') && !path.basename(file).startsWith('.');
}

async function isFinished(result: string): Promise<boolean> {
  if (!(await exists(path.join(result, 'key')))) return false;
  // Marks it as used, for pruning.
  const now = new Date();
  await utimes(result, now, now);
  return true;
}

/**
 * Brings the sources, what is bundled, and V8 into the tree by content. V8 too, since its own folder's name changes
 * with every builtin: compiled against that, every file would be compiled anew.
 */
async function syncInputs(
  config: Config,
  files: readonly string[],
  bundle: WebBundle,
  v8: V8Build,
  root: string,
): Promise<void> {
  await syncFiles(config.repository, files, path.join(root, 'src'));
  // Not among the sources: in the checkout, where editors and clang-tidy read them, it is not.
  await writeIfChanged(path.join(root, BUNDLE_FOLDER, BUNDLE_FILE), bundle.code);
  const target = path.join(root, 'v8');
  const all = await listFiles(v8.folder);
  const library = path.join('lib', 'libv8.a');
  await syncFiles(
    v8.folder,
    // What is beside them tells builds apart that are otherwise the same.
    all.filter((file) => file === 'defines.txt' || file.startsWith('include/')),
    target,
    (file) => file === library,
  );
  const marker = path.join(root, 'v8-key');
  const current = await readFile(marker, 'utf8').catch(() => '');
  if (current === v8.record.key && (await exists(path.join(target, library)))) return;
  await mkdir(path.join(target, 'lib'), { recursive: true });
  await rm(path.join(target, library), { force: true });
  await link(path.join(v8.folder, library), path.join(target, library));
  // An archive that was built earlier than the last link must count as new all the same.
  const now = new Date();
  await utimes(path.join(target, library), now, now);
  await writeFile(marker, v8.record.key);
}

/** Removes executables that no target builds any more. */
async function removeStale(executables: string, buildDir: string): Promise<void> {
  const ninja = await readFile(path.join(buildDir, 'build.ninja'), 'utf8');
  for (const name of await listFiles(executables)) {
    if (!ninja.includes(`bin/${name}:`)) await rm(path.join(executables, name));
  }
}
