import { SourceMap } from 'node:module';

/** Where a bundle's source map says that a text of the bundle comes from: `file:line:column`. */
export function originOf(code: string, text: string): string {
  const base64 = /\/\/# sourceMappingURL=data:application\/json;base64,(\S+)\s*$/.exec(code)?.[1];
  const map = new SourceMap(JSON.parse(Buffer.from(base64 ?? '', 'base64').toString()));
  const lines = code.split('\n');
  const line = lines.findIndex((each) => each.includes(text));
  const entry = map.findEntry(line, lines[line]?.indexOf(text) ?? 0);
  if (!('originalSource' in entry)) return 'nowhere';
  return `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
}
