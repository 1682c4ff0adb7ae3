import { availableParallelism, homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from './errors.ts';

/** Where V8's source comes from. */
export type V8SourceChoice =
  /** Debian's source package, or nodejs.org's where that is not to be had. */
  | { kind: 'auto' }
  | { kind: 'debian' }
  | { kind: 'nodejs.org' }
  /** A Node.js source tree or a tarball of one. */
  | { kind: 'path'; path: string };

/** What V8 is built for: use, or tests in which V8 checks itself, its heap and its builtins. */
export type V8Variant = 'release' | 'checks';

/** What a runtime can be built with besides; each needs packages that the normal one does not. */
export const EXTRAS = ['dpdk'] as const;
export type Extra = (typeof EXTRAS)[number];

/** Everything that a build depends on besides the repository's own files. */
export interface Config {
  /** The checkout's root. */
  repository: string;
  /** Where sources, build trees and results live, outside the checkout. */
  cache: string;
  v8Source: V8SourceChoice;
  /** Whether to look for a newer source than the one resolved before. */
  refreshSource: boolean;
  /** Whether V8, and the runtime around it, is the one with V8's own checks. */
  v8Variant: V8Variant;
  /** What the runtime has besides, in the order of `EXTRAS`. */
  extras: readonly Extra[];
  /** Parallel jobs. */
  jobs: number;
}

/** Values from outside: command-line options and tests. */
export interface ConfigOverrides {
  repository?: string;
  cache?: string;
  v8Source?: string;
  refreshSource?: boolean;
  v8Checks?: boolean;
  with?: readonly string[];
  jobs?: number;
}

const MAX_JOBS = 512;

const REPOSITORY = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

const readers: { [Key in keyof Required<ConfigOverrides>]: (value: unknown) => void } = {
  repository: (value) => requireText('repository', value),
  cache: (value) => requireText('cache', value),
  v8Source: (value) => requireText('--v8-source', value),
  refreshSource: (value) => requireBoolean('--refresh-source', value),
  v8Checks: (value) => requireBoolean('--v8-checks', value),
  with: (value) => {
    if (!Array.isArray(value)) throw invalid('--with', value, 'a list');
    for (const each of value) {
      if (!EXTRAS.some((extra) => extra === each)) {
        throw invalid('--with', each, EXTRAS.map((extra) => `"${extra}"`).join(' or '));
      }
    }
  },
  jobs: (value) => {
    if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > MAX_JOBS) {
      throw invalid('--jobs', value, `a whole number from 1 to ${MAX_JOBS}`);
    }
  },
};

/** The validated configuration; unknown keys are rejected. */
export function loadConfig(
  overrides: ConfigOverrides = {},
  env: Readonly<Record<string, string | undefined>> = process.env,
): Config {
  for (const [key, value] of Object.entries(overrides)) {
    const read = (readers as Record<string, ((value: unknown) => void) | undefined>)[key];
    if (read === undefined) {
      throw new UserError(
        `unknown configuration key "${key}"`,
        `Known: ${Object.keys(readers).join(', ')}.`,
      );
    }
    if (value !== undefined) read(value);
  }
  return {
    repository: overrides.repository ?? REPOSITORY,
    cache: path.resolve(overrides.cache ?? defaultCache(env)),
    v8Source: parseV8Source(overrides.v8Source ?? 'auto'),
    refreshSource: overrides.refreshSource ?? false,
    v8Variant: overrides.v8Checks === true ? 'checks' : 'release',
    extras: EXTRAS.filter((extra) => overrides.with?.includes(extra)),
    jobs: overrides.jobs ?? availableParallelism(),
  };
}

function defaultCache(env: Readonly<Record<string, string | undefined>>): string {
  if (env['SHREDDER_CACHE']) return env['SHREDDER_CACHE'];
  const base = env['XDG_CACHE_HOME'];
  // The XDG specification: a relative path there is invalid and to be ignored.
  if (base && path.isAbsolute(base)) return path.join(base, 'shredder');
  return path.join(homedir(), '.cache', 'shredder');
}

function parseV8Source(text: string): V8SourceChoice {
  if (text === 'auto' || text === 'debian' || text === 'nodejs.org') return { kind: text };
  return { kind: 'path', path: path.resolve(text) };
}

function requireText(name: string, value: unknown): void {
  if (typeof value !== 'string' || value === '' || value.includes('\0')) {
    throw invalid(name, value, 'a non-empty text');
  }
}

function requireBoolean(name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw invalid(name, value, 'true or false');
}

function invalid(name: string, value: unknown, expected: string): UserError {
  return new UserError(`${name} is ${JSON.stringify(value)}, but must be ${expected}`);
}
