import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Config } from '../config.ts';
import {
  COMPILE_COMMANDS_FILE,
  commandsFor,
  ofOther,
  type CompileCommand,
} from '../system/compile_commands.ts';
import { listFiles, writeIfChanged } from '../system/files.ts';
import { SOURCE_FOLDERS, type RuntimeBuild } from './build.ts';

/**
 * Writes how each C++ file of the checkout is compiled, V8's side included, into the checkout.
 *
 * @returns the same.
 */
export async function writeCompileCommands(
  config: Config,
  build: RuntimeBuild,
): Promise<CompileCommand[]> {
  const commands = await compileCommands(config, build);
  const text = `${JSON.stringify(commands, undefined, 2)}\n`;
  await writeIfChanged(path.join(config.repository, COMPILE_COMMANDS_FILE), text);
  return commands;
}

/** How each C++ file of the checkout is compiled. */
export async function compileCommands(
  { repository }: Config,
  { v8, binDir, buildDir }: RuntimeBuild,
): Promise<CompileCommand[]> {
  return await completeCommands(repository, SOURCE_FOLDERS, [
    ...(await commandsFor(repository, v8.folder, v8.buildFolder)),
    ...(await commandsFor(repository, path.dirname(binDir), buildDir)),
  ]);
}

/**
 * A command for each C++ file of a checkout's folders: its own; where this build does not compile a
 * source, as the fuzzer's or a variant's, that of one beside it, or in the nearest folder above; a header's, that of a source that includes it.
 */
export async function completeCommands(
  repository: string,
  folders: readonly string[],
  known: readonly CompileCommand[],
): Promise<CompileCommand[]> {
  const files = new Map<string, string>();
  for (const folder of folders) {
    for (const name of await listFiles(path.join(repository, folder))) {
      if (!/\.(cc|h)$/.test(name)) continue;
      const file = path.join(repository, folder, name);
      files.set(file, await readFile(file, 'utf8'));
    }
  }
  const commands = new Map<string, CompileCommand>();
  for (const source of [...files.keys()].filter((file) => file.endsWith('.cc'))) {
    const command =
      known.find(({ file }) => file === source) ?? nearestCommand(repository, source, known);
    if (command !== undefined) commands.set(source, ofOther(command, source));
  }
  // Breadth first: what includes a header itself knows best how it is compiled.
  for (const [includer, command] of commands) {
    for (const [, name = ''] of (files.get(includer) ?? '').matchAll(/^#include "([^"]+)"$/gm)) {
      const header = path.join(repository, name);
      if (files.has(header) && !commands.has(header)) {
        commands.set(header, ofOther(command, header));
      }
    }
  }
  return [...commands.values()];
}

function nearestCommand(
  repository: string,
  source: string,
  known: readonly CompileCommand[],
): CompileCommand | undefined {
  for (let folder = path.dirname(source); folder.length > repository.length; ) {
    const found = known.find(({ file }) => path.dirname(file) === folder);
    if (found !== undefined) return found;
    folder = path.dirname(folder);
  }
  return undefined;
}
