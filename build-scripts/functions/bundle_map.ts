import path from 'node:path';
import type { Emitter } from './emit.ts';
import { isOwnSource } from './package.ts';
import { dataUrl, sourceNamed } from './project_plugin.ts';

/**
 * The comment with a bundle's source map, its paths relative to the library's folder. Sources of
 * `shredder-functions` are in its `ignoreList` (ECMA-426): an error that is made there is shown at the
 * author's line that led to it, and debuggers step over them.
 */
export function sourceMapComment(emitter: Emitter, json: string): string {
  const map = JSON.parse(json) as { sources: string[] };
  const folder = path.dirname(emitter.project.file);
  const files = map.sources.map((each) => sourceNamed(emitter, each));
  const sources = files.map((file, index) =>
    file === undefined ? map.sources[index] : path.relative(folder, file),
  );
  const ignoreList = files.flatMap((file, index) =>
    isOwnSource(file ?? path.resolve(folder, map.sources[index] ?? '')) ? [index] : [],
  );
  return `//# sourceMappingURL=${dataUrl({ ...map, sources, ignoreList })}\n`;
}
