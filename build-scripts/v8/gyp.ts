import { readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { V8Variant } from '../config.ts';
import { run } from '../system/command.ts';
import { listFiles, writeIfChanged } from '../system/files.ts';
import { TOOLCHAIN } from '../system/toolchain.ts';
import {
  gypVariables,
  ICU_GYP,
  ICU_GYP_FILE,
  optimisationOf,
  OWN_FOLDER,
  UNITY_CHUNK_FILES,
  UNITY_MISFITS,
  UNITY_SMALL_DIRECTORY,
} from './settings.ts';
import { rewriteAsUnity } from './unity.ts';

/** Where GYP's ninja generator builds, relative to the source tree. */
export const BUILD_FOLDER = 'out/Release';
const TARGETS_FOLDER = 'obj/tools/v8_gypfiles';

/** Generates the tree's ninja files with GYP and rewrites them to compile in unity chunks. */
export async function generateNinja(tree: string, variant: V8Variant, log: string): Promise<void> {
  const variables = gypVariables(hostArch(), variant);
  await writeIfChanged(path.join(tree, 'config.gypi'), gypText({ variables }));
  await writeIfChanged(path.join(tree, ICU_GYP_FILE), gypText(ICU_GYP));
  const gyp = createRequire(import.meta.url).resolve('node-gyp/package.json');
  const args = [
    path.join(path.dirname(gyp), 'gyp/gyp_main.py'),
    '-f',
    'ninja',
    'tools/v8_gypfiles/v8.gyp',
    '-I',
    'common.gypi',
    '-I',
    'config.gypi',
    '--depth=.',
    '-Dcomponent=static_library',
    '-Dlibrary=static_library',
    '-Goutput_dir=out',
  ];
  await run('python3', args, {
    cwd: tree,
    log,
    // Python's byte code would be written into node_modules.
    env: {
      CC: TOOLCHAIN.cc,
      CXX: TOOLCHAIN.cxx,
      AR: TOOLCHAIN.ar,
      PYTHONDONTWRITEBYTECODE: '1',
    },
  });
  await rewriteTargets(path.join(tree, BUILD_FOLDER), variant);
}

/** GYP reads a Python literal; JSON without true, false and null is one. */
function gypText(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

export function hostArch(): 'x64' | 'arm64' {
  return process.arch === 'arm64' ? 'arm64' : 'x64';
}

async function rewriteTargets(build: string, variant: V8Variant): Promise<void> {
  const folder = path.join(build, TARGETS_FOLDER);
  const misfits = new Set(UNITY_MISFITS);
  const withoutPrefix = (source: string): string =>
    source.replace(/^(\.\.\/)+deps\/v8\//, '').replace(/^gen\//, '');
  const chunks = new Map<string, string>();
  for (const name of await listFiles(folder)) {
    if (!name.endsWith('.ninja')) continue;
    const target = path.basename(name, '.ninja');
    const file = path.join(folder, name);
    const result = rewriteAsUnity(await readFile(file, 'utf8'), {
      target,
      chunkFiles: UNITY_CHUNK_FILES,
      smallDirectory: UNITY_SMALL_DIRECTORY,
      isAlone: (source) => misfits.has(withoutPrefix(source)),
      isOwn: (source) => source.includes(`${OWN_FOLDER}/`),
      optimisation: optimisationOf(target, variant),
    });
    await writeIfChanged(file, result.ninja);
    for (const [chunk, content] of result.chunks) chunks.set(chunk, content);
  }
  for (const [chunk, content] of chunks) await writeIfChanged(path.join(build, chunk), content);
  for (const left of await listFiles(path.join(build, 'unity'))) {
    if (!chunks.has(`unity/${left}`)) await rm(path.join(build, 'unity', left));
  }
}
