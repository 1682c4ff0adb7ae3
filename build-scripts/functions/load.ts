import type { Redis } from 'ioredis';
import { asList, asMap } from '../client/shapes.ts';
import { UserError } from '../errors.ts';

/** The server's limit for a library's code, source map included. */
export const MAX_CODE_BYTES = 4 * 1024 * 1024;

/** A function of a loaded library, as FUNCTION LIST tells of it. */
export interface FunctionSummary {
  name: string;
  /** Empty where there is none. */
  description: string;
  flags: string[];
}

/** A library that is loaded; its functions by name. */
export interface LibrarySummary {
  name: string;
  functions: FunctionSummary[];
}

/** A library with its code. */
export interface LibraryCode extends LibrarySummary {
  code: string;
}

/** Loads a library's code; the server's refusal is thrown. */
export async function loadLibrary(
  client: Redis,
  code: string | Buffer,
  replace = true,
): Promise<void> {
  await client.call('FUNCTION', ['LOAD', ...(replace ? ['REPLACE'] : []), code]);
}

/** The functions of a library that is loaded, by name. */
export async function listFunctions(client: Redis, library: string): Promise<FunctionSummary[]> {
  return (await listLibraries(client, library)).flatMap(({ functions }) => functions);
}

/** The libraries that are loaded, by name, or those that a pattern matches. */
export async function listLibraries(client: Redis, pattern?: string): Promise<LibrarySummary[]> {
  const filter = pattern === undefined ? [] : ['LIBRARYNAME', pattern];
  const libraries = asList(await client.call('FUNCTION', ['LIST', ...filter])).map(asMap);
  return libraries.map(libraryOf).sort(byName);
}

/** The libraries of these names, or all, with their code. */
export async function listCode(client: Redis, names: readonly string[]): Promise<LibraryCode[]> {
  const libraries = asList(await client.call('FUNCTION', ['LIST', 'WITHCODE'])).map(asMap);
  const all = libraries.map((library) => ({
    ...libraryOf(library),
    code: String(library.get('library_code')),
  }));
  const missing = names.find((name) => !all.some((each) => each.name === name));
  if (missing !== undefined) throw new UserError(`no library ${missing} is loaded`);
  return all.filter(({ name }) => names.length === 0 || names.includes(name)).sort(byName);
}

function libraryOf(library: ReadonlyMap<string, unknown>): LibrarySummary {
  return {
    name: String(library.get('library_name')),
    functions: asList(library.get('functions')).map(summaryOf).sort(byName),
  };
}

function summaryOf(reply: unknown): FunctionSummary {
  const members = asMap(reply);
  return {
    name: String(members.get('name')),
    description: String(members.get('description') ?? ''),
    flags: asList(members.get('flags')).map(String),
  };
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name.localeCompare(b.name);
}
