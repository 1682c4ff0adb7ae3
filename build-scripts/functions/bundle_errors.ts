import { SourceMap } from 'node:module';
import path from 'node:path';
import type { Location, Message } from 'esbuild';
import { UserError } from '../errors.ts';
import type { Emitter } from './emit.ts';
import { explainMissing } from './node_plugin.ts';
import { sourceNamed } from './project_plugin.ts';

/** Of esbuild's warnings, those of code that cannot do what its author meant. */
const FATAL_WARNINGS: ReadonlySet<string> = new Set([
  'assign-to-constant',
  'assign-to-import',
  'call-import-namespace',
  'commonjs-variable-in-esm',
  'import-is-undefined',
  'indirect-require',
  'unsupported-require-call',
]);

/** Those in the author's sources; a package may have its reasons. */
export function fatalWarnings(emitter: Emitter, warnings: readonly Message[]): Message[] {
  return warnings.filter(
    ({ id, location }) =>
      FATAL_WARNINGS.has(id) && location && sourceNamed(emitter, location.file) !== undefined,
  );
}

/** What esbuild has against a library, each with its place in what the author wrote. */
export function bundleError(emitter: Emitter, messages: readonly Message[]): UserError {
  // esbuild's notes advise on its own options, which are not the author's to set.
  const lines = messages.map(({ location, text }) =>
    location ? `${placeOf(emitter, location)}: ${explainMissing(text)}` : text,
  );
  const separator = lines.length === 1 ? ' ' : '\n  ';
  return new UserError(
    [`${path.basename(emitter.project.file)} does not bundle:`, ...lines].join(separator),
    'A function runs without Node: it can import npm packages that need none, and shredder:store.',
  );
}

function placeOf(emitter: Emitter, { file, line, column }: Location): string {
  const source = sourceNamed(emitter, file);
  if (source === undefined) return `${file}:${line}:${column + 1}`;
  const shown = path.relative(process.cwd(), source);
  const entry = new SourceMap(JSON.parse(emitter.emit(source).map)).findEntry(line - 1, column);
  return 'originalLine' in entry
    ? `${shown}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
    : shown;
}
