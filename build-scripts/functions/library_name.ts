import path from 'node:path';
import { UserError } from '../errors.ts';

const LIBRARY_NAME = /^\w{1,64}$/;

/** A library's name: the one given, else the file's with `_` for what a name cannot have. */
export function libraryNameOf(file: string, given?: string): string {
  const base = path.basename(file).replace(/\.as\.ts$|\.[^.]*$/, '');
  const name = given ?? base.replaceAll(/\W/g, '_');
  if (!LIBRARY_NAME.test(name)) {
    throw new UserError(
      `library name ${JSON.stringify(name)} must be 1 to 64 letters, digits and "_"`,
      'Give one with --name.',
    );
  }
  return name;
}
