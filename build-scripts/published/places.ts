// Where the package `shredder-cli` finds what it has not itself: a server that is built, or a checkout.
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The options that name these places; variables of the environment stand in for them. */
export interface PlaceOptions {
  prebuilt?: string;
  repository?: string;
}

/** A program, and the arguments that come first. */
export interface Program {
  file: string;
  args: readonly string[];
}

export const PREBUILT_OPTION = [
  '--prebuilt <folder>',
  'has shredderd, as `npx shredder build` prints it (default: SHREDDER_PREBUILT of the environment)',
] as const;
export const REPOSITORY_OPTION = [
  '--repository <folder>',
  "a checkout of Shredder's repository (default: SHREDDER_REPOSITORY of the environment)",
] as const;

/** What runs the server: shredderd itself, or the `serve` of a checkout, which builds it where need be. */
export async function serverProgram(
  options: PlaceOptions,
  env: Environment = process.env,
): Promise<Program> {
  if (options.prebuilt !== undefined) return prebuilt(options.prebuilt, '--prebuilt');
  if (options.repository !== undefined)
    return checkout(options.repository, '--repository', 'serve');
  const { SHREDDER_PREBUILT: folder, SHREDDER_REPOSITORY: repository } = env;
  if (folder) return prebuilt(folder, 'SHREDDER_PREBUILT');
  if (repository) return checkout(repository, 'SHREDDER_REPOSITORY', 'serve');
  throw new UserError(
    'this package has no server, and neither a built one nor a checkout is named',
    'Name one with --prebuilt FOLDER or --repository CHECKOUT, or in SHREDDER_PREBUILT or SHREDDER_REPOSITORY.',
  );
}

/** What builds the server: a checkout's program. */
export async function buildProgram(
  options: PlaceOptions,
  env: Environment = process.env,
): Promise<Program> {
  if (options.repository !== undefined)
    return checkout(options.repository, '--repository', 'build');
  const { SHREDDER_REPOSITORY: repository } = env;
  if (repository) return checkout(repository, 'SHREDDER_REPOSITORY', 'build');
  throw new UserError(
    "the server is built in a checkout of Shredder's repository, and none is named",
    'Name one with --repository CHECKOUT, or in SHREDDER_REPOSITORY.',
  );
}

async function prebuilt(folder: string, from: string): Promise<Program> {
  const file = path.resolve(folder, 'shredderd');
  if (await isThere(file, constants.X_OK)) return { file, args: [] };
  throw new UserError(
    `${from} is ${folder}, where there is no shredderd to run`,
    'Name the folder that `npx shredder build` prints in a checkout.',
  );
}

async function checkout(folder: string, from: string, command: string): Promise<Program> {
  const program = path.resolve(folder, 'build-scripts', 'bin', 'shredder.js');
  if (await isThere(program, constants.R_OK)) {
    return { file: process.execPath, args: [program, command] };
  }
  throw new UserError(
    `${from} is ${folder}, which is no checkout of Shredder's repository`,
    'Name the folder that has build-scripts/ and runtime/.',
  );
}

async function isThere(file: string, mode: number): Promise<boolean> {
  try {
    await access(file, mode);
    return true;
  } catch {
    return false;
  }
}
