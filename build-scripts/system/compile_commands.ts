import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { quoteForShell } from './shell.ts';

/** An entry of compile_commands.json: how a file is compiled. */
export interface CompileCommand {
  directory: string;
  file: string;
  /** As a shell reads it. */
  command: string;
}

/** The same as a build's result keeps it, for any checkout. */
export type KeptCommand = Omit<CompileCommand, 'directory'>;

/** Stands for the checkout's path in commands that are kept. */
export const CHECKOUT = '@checkout@';

/** What clangd looks for in a file's folder and those above it, and CMake writes. */
export const COMPILE_COMMANDS_FILE = 'compile_commands.json';

/** What a build's result keeps of it. */
const KEPT_FILE = 'commands.json';

/** A command to keep; `copy` is where it names the files of the checkout's `folder`. */
export function keep(command: KeptCommand, copy: string, folder = ''): KeptCommand {
  const original = folder === '' ? CHECKOUT : `${CHECKOUT}/${folder}`;
  return {
    file: command.file.replace(copy, original),
    command: command.command.replaceAll(copy, original),
  };
}

/** The commands that CMake wrote in its build folder. */
export async function readCompileCommands(buildDir: string): Promise<CompileCommand[]> {
  const text = await readFile(path.join(buildDir, COMPILE_COMMANDS_FILE), 'utf8');
  return JSON.parse(text) as CompileCommand[];
}

/** Keeps commands in a build's result. */
export async function keepCommands(
  result: string,
  commands: readonly KeptCommand[],
): Promise<void> {
  const text = `${JSON.stringify(commands, undefined, 2)}\n`;
  await writeFile(path.join(result, KEPT_FILE), text);
}

/** A result's commands for a checkout, run in the folder that it was built in. */
export async function commandsFor(
  checkout: string,
  result: string,
  directory: string,
): Promise<CompileCommand[]> {
  const text = await readFile(path.join(result, KEPT_FILE), 'utf8');
  return (JSON.parse(text) as KeptCommand[]).map(({ file, command }) => ({
    directory,
    file: file.replace(CHECKOUT, checkout),
    command: command.replaceAll(CHECKOUT, escapeForShell(checkout)),
  }));
}

/** The command of one file for another file of the checkout. */
export function ofOther(command: CompileCommand, file: string): CompileCommand {
  const from = escapeForShell(command.file);
  const at = command.command.lastIndexOf(from);
  return {
    directory: command.directory,
    file,
    command:
      command.command.slice(0, at) + escapeForShell(file) + command.command.slice(at + from.length),
  };
}

/** A part of a word of a shell's, where quoteForShell makes a whole word. */
function escapeForShell(text: string): string {
  return quoteForShell(text) === text ? text : text.replaceAll(/[^\w@%+=:,./-]/g, '\\$&');
}
