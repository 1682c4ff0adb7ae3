import type { Redis } from 'ioredis';
import { UserError } from '../errors.ts';

/** A function of a loaded library, as FUNCTION LIST tells of it. */
export interface FunctionSummary {
  name: string;
  /** Empty where there is none. */
  description: string;
  flags: string[];
}

/** A library as it is loaded. */
export interface LoadedLibrary {
  name: string;
  code: string;
  functions: FunctionSummary[];
}

/** Loads a library's code; the server's refusal is thrown. */
export async function loadLibrary(client: Redis, code: string, replace = true): Promise<void> {
  await client.call('FUNCTION', ['LOAD', ...(replace ? ['REPLACE'] : []), code]);
}

/** The functions of a library that is loaded, by name. */
export async function listFunctions(client: Redis, library: string): Promise<FunctionSummary[]> {
  // A library's name has no character that a pattern would take for its own.
  const libraries = asList(await client.call('FUNCTION', ['LIST', 'LIBRARYNAME', library]));
  return libraries
    .flatMap((each) => asList(asMap(each).get('functions')))
    .map(summaryOf)
    .sort(byName);
}

/** The libraries of these names, or all, with their code; what is missing is thrown. */
export async function listLibraries(
  client: Redis,
  names: readonly string[],
): Promise<LoadedLibrary[]> {
  const listed = asList(await client.call('FUNCTION', ['LIST', 'WITHCODE'])).map((each) => {
    const members = asMap(each);
    return {
      name: String(members.get('library_name')),
      code: String(members.get('library_code')),
      functions: asList(members.get('functions')).map(summaryOf).sort(byName),
    };
  });
  const missing = names.find((name) => !listed.some((each) => each.name === name));
  if (missing !== undefined) throw new UserError(`no library ${missing} is loaded`);
  return listed.filter(({ name }) => names.length === 0 || names.includes(name)).sort(byName);
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

function asList(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : [];
}

/** A map in any of the client's shapes: an object, or names and values in turn. */
function asMap(reply: unknown): ReadonlyMap<string, unknown> {
  if (!Array.isArray(reply)) return new Map(Object.entries(reply ?? {}));
  const members = new Map<string, unknown>();
  for (let i = 0; i + 1 < reply.length; i += 2) members.set(String(reply[i]), reply[i + 1]);
  return members;
}
