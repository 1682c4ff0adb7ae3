import { stat } from 'node:fs/promises';
import path from 'node:path';
import { hasCode, UserError } from '../errors.ts';
import { isWasmSource } from './wasm_library.ts';

const SOURCE_EXTENSIONS = ['.ts', '.mts', '.cts', '.tsx'];

/** The absolute path of a library's file in TypeScript, which has to be there. */
export async function requireSource(file: string): Promise<string> {
  if (!SOURCE_EXTENSIONS.includes(path.extname(file)) || isWasmSource(file)) {
    throw new UserError(
      `${file} is no TypeScript module`,
      `Name a file that ends in ${SOURCE_EXTENSIONS.join(', ')}.`,
    );
  }
  return requireFile(file);
}

/** The absolute path of a file, which has to be there. */
export async function requireFile(file: string): Promise<string> {
  const source = path.resolve(file);
  try {
    if (!(await stat(source)).isFile()) throw new UserError(`${file} is no file`);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) throw new UserError(`${file} does not exist`);
    throw error;
  }
  return source;
}
