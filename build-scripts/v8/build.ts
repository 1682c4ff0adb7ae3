import { cp, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hashFiles, hashText, keyOf } from '../cache/key.ts';
import { withLock } from '../cache/lock.ts';
import { pruneResults, pruneTrees } from '../cache/prune.ts';
import type { Config, V8Variant } from '../config.ts';
import { run } from '../system/command.ts';
import { keepCommands } from '../system/compile_commands.ts';
import {
  createFolderAtomically,
  exists,
  listFiles,
  removeTemporaries,
  syncFiles,
} from '../system/files.ts';
import { compilerVersion, icuVersion, TOOLCHAIN } from '../system/toolchain.ts';
import type { Step, Steps } from '../ui/steps.ts';
import { BUILD_FOLDER, generateNinja, hostArch } from './gyp.ts';
import { runNinja } from './ninja.ts';
import { parseNinja } from './ninja_file.ts';
import { ownCommands } from './own_commands.ts';
import { applySeries, readSeries, type Patch } from '../upstream/patch_series.ts';
import * as settings from './settings.ts';
import { describeSource, resolveSource, type V8Source, type V8SourceRecord } from './source.ts';

/** What one V8 was built from; `v8-build.json` beside it. */
export interface V8BuildRecord {
  /** Identifies the result: everything that enters it is in this key. */
  key: string;
  v8Version: string;
  source: V8SourceRecord;
  patches: { name: string; sha256: string }[];
  builtins: string[];
  compiler: string;
  /** ICU's version; its libraries must be there where the result runs. */
  icu: string;
  arch: string;
  variant: V8Variant;
  builtAt: string;
}

/** A finished V8: include/, lib/libv8.a, defines.txt, commands.json and v8-build.json in `folder`. */
export interface V8Build {
  folder: string;
  /** Folder of the tree that ninja built it in; later builds of any checkout change it. */
  buildFolder: string;
  record: V8BuildRecord;
}

/** Folder of the repository with the patch series. */
export const PATCHES_FOLDER = 'v8-patches';

/** Finds or makes the V8 for this checkout. */
export async function ensureV8(config: Config, steps: Steps): Promise<V8Build> {
  const log = path.join(config.cache, 'logs', 'source.log');
  const source = await steps.run('V8 source', async (step) => {
    await rm(log, { force: true });
    const resolved = await resolveSource(config, step, log);
    for (const warning of resolved.record.warnings) step.warn(warning);
    step.detail(describeSource(resolved.record));
    return resolved;
  });
  return await steps.run('V8 build', async (step) => {
    const inputs = await readInputs(config, source);
    const result = path.join(config.cache, 'v8', inputs.treeKey, 'dist', inputs.key);
    let build = await findResult(result);
    if (build !== undefined) {
      step.detail(`${build.record.v8Version} is up to date`);
      return build;
    }
    const root = path.join(config.cache, 'v8', inputs.treeKey);
    await withLock(
      path.join(root, 'lock'),
      (owner) => step.wait(owner),
      async (lock) => {
        build = await findResult(result);
        if (build !== undefined) return;
        step.detail('');
        await buildInTree(config, inputs, root, result, lock.fd, step);
      },
    );
    build = await findResult(result);
    if (build === undefined) throw new Error(`the build left nothing in ${result}`);
    step.detail(build.record.v8Version);
    return build;
  });
}

interface BuildInputs {
  source: V8Source;
  variant: V8Variant;
  patches: Patch[];
  /** Files of the builtins' folder. */
  builtins: string[];
  compiler: string;
  icu: string;
  /** What two builds must share to be made in one tree. */
  treeKey: string;
  /** What two builds must share to be the same. */
  key: string;
}

async function readInputs(config: Config, source: V8Source): Promise<BuildInputs> {
  const builtinsFolder = path.join(config.repository, settings.BUILTINS_FOLDER);
  const [patches, builtins, compiler, icu] = await Promise.all([
    readSeries(path.join(config.repository, PATCHES_FOLDER)),
    listFiles(builtinsFolder).then((files) => files.filter(isBuiltinFile)),
    compilerVersion(),
    icuVersion(),
  ]);
  // Only what ninja would not notice is in it. Patches, builtins and settings change files and
  // commands, and a tree that is built already redoes just what depends on those.
  const variant = config.v8Variant;
  const treeKey = keyOf({
    source: source.key,
    compiler,
    icu,
    arch: hostArch(),
    ...settings.variantKey(variant),
  });
  const key = keyOf({
    tree: treeKey,
    settings: JSON.stringify(settings.buildSettings(hostArch(), variant)),
    patches: JSON.stringify(patches),
    builtins: await hashFiles(builtinsFolder, builtins),
  });
  return { source, variant, patches, builtins, compiler, icu, treeKey, key };
}

/** Sources and headers; notes beside them do not enter the build. */
function isBuiltinFile(file: string): boolean {
  return /\.(cc|h|tq|inc)$/.test(file) && !/_(test|bench)\.cc$/.test(file);
}

async function findResult(folder: string): Promise<V8Build | undefined> {
  try {
    const text = await readFile(path.join(folder, 'v8-build.json'), 'utf8');
    // Marks it as used, for pruning.
    const now = new Date();
    await utimes(folder, now, now);
    const buildFolder = path.resolve(folder, '../../tree', BUILD_FOLDER);
    return { folder, buildFolder, record: JSON.parse(text) as V8BuildRecord };
  } catch {
    return undefined;
  }
}

async function buildInTree(
  config: Config,
  inputs: BuildInputs,
  root: string,
  result: string,
  lockFd: number,
  step: Step,
): Promise<void> {
  const tree = path.join(root, 'tree');
  const log = path.join(root, 'build.log');
  await rm(log, { force: true });
  await removeTemporaries(root);
  await removeTemporaries(path.dirname(result));
  if (!(await exists(tree))) {
    step.detail('copying the source');
    await createFolderAtomically(tree, (folder) =>
      cp(inputs.source.tree, folder, { recursive: true, preserveTimestamps: true }),
    );
  }
  step.detail('');
  const manifest = path.join(root, 'patched-files');
  const scratch = path.join(root, 'patching');
  await applySeries(inputs.patches, inputs.source.tree, tree, manifest, scratch);
  await syncFiles(
    path.join(config.repository, settings.BUILTINS_FOLDER),
    inputs.builtins,
    path.join(tree, settings.OWN_FOLDER),
  );
  await generateNinja(tree, inputs.variant, log);
  const folder = path.join(tree, BUILD_FOLDER);
  await runNinja({
    folder,
    targets: settings.SHIPPED_TARGETS,
    jobs: config.jobs,
    log,
    step,
    lockFd,
  });
  await mkdir(path.dirname(result), { recursive: true });
  await createFolderAtomically(result, (target) => exportResult(inputs, tree, target, log));
  await pruneResults(path.dirname(result));
  await pruneTrees(path.dirname(root));
}

async function exportResult(
  inputs: BuildInputs,
  tree: string,
  target: string,
  log: string,
): Promise<void> {
  const folder = path.join(tree, BUILD_FOLDER);
  const headers = path.join(tree, 'deps/v8/include');
  await cp(headers, path.join(target, 'include'), { recursive: true });
  await mkdir(path.join(target, 'lib'));
  const library = path.join(target, 'lib/libv8.a');
  const shipped = await shippedObjects(folder);
  // Through a file: the names are longer than a command line should be.
  const list = path.join(target, 'objects');
  await writeFile(list, shipped.join('\n'));
  await run(TOOLCHAIN.ar, ['rcs', library, `@${list}`], { cwd: folder, log });
  await rm(list);
  await writeFile(path.join(target, 'defines.txt'), await embedderDefines(folder, headers));
  await keepCommands(target, await ownCommands(folder));
  const record: V8BuildRecord = {
    key: inputs.key,
    v8Version: inputs.source.record.v8Version,
    source: inputs.source.record,
    patches: inputs.patches.map((patch) => ({
      name: patch.name,
      sha256: hashText(patch.text),
    })),
    builtins: inputs.builtins,
    compiler: inputs.compiler,
    icu: inputs.icu,
    arch: hostArch(),
    variant: inputs.variant,
    builtAt: new Date().toISOString(),
  };
  await writeFile(path.join(target, 'v8-build.json'), `${JSON.stringify(record, undefined, 2)}\n`);
}

/** The objects of the shipped targets' archives, each source once. */
async function shippedObjects(folder: string): Promise<string[]> {
  const objects: string[] = [];
  const sources = new Set<string>();
  for (const target of settings.SHIPPED_TARGETS) {
    const file = path.join(folder, 'obj/tools/v8_gypfiles', `${target}.ninja`);
    const edges = parseNinja(await readFile(file, 'utf8')).flatMap((statement) =>
      'edge' in statement ? [statement.edge] : [],
    );
    const archived = new Set(
      edges.filter((edge) => edge.rule.startsWith('alink')).flatMap((edge) => edge.inputs),
    );
    for (const edge of edges) {
      const [object] = edge.outputs;
      const [source] = edge.inputs;
      if (object === undefined || source === undefined || !archived.has(object)) continue;
      // Some sources are listed in two targets.
      if (sources.has(source)) continue;
      sources.add(source);
      objects.push(object);
    }
  }
  return objects;
}

/** The macros that V8 was compiled with and that its public headers ask for, as -D flags. */
async function embedderDefines(folder: string, headers: string): Promise<string> {
  const file = path.join(folder, 'obj/tools/v8_gypfiles/v8_base_without_compiler.ninja');
  const line = parseNinja(await readFile(file, 'utf8')).find(
    (statement) => 'line' in statement && statement.line.startsWith('defines = '),
  );
  const flags = line !== undefined && 'line' in line ? line.line.split(/\s+/).slice(2) : [];
  let text = '';
  for (const header of await listFiles(headers)) {
    text += await readFile(path.join(headers, header), 'utf8');
  }
  const asked = flags.filter((flag) => {
    const macro = /^-D(\w+)/.exec(flag)?.[1];
    return macro !== undefined && new RegExp(`\\b${macro}\\b`).test(text);
  });
  return [...new Set(asked)].map((flag) => `${flag}\n`).join('');
}
