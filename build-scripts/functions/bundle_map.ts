import path from 'node:path';
import type { Emitter } from './emit.ts';
import { dataUrl, sourceNamed } from './project_plugin.ts';

/** The comment with a bundle's source map, its paths relative to the library's folder. */
export function sourceMapComment(emitter: Emitter, json: string): string {
  const map = JSON.parse(json) as { sources: string[] };
  const folder = path.dirname(emitter.project.file);
  const sources = map.sources.map((each) => {
    const source = sourceNamed(emitter, each);
    return source === undefined ? each : path.relative(folder, source);
  });
  return `//# sourceMappingURL=${dataUrl({ ...map, sources })}\n`;
}
