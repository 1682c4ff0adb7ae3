import path from 'node:path';
import { Redis } from 'ioredis';
import { bundleLibrary } from '../functions/bundle.ts';
import { startServer } from '../server/shredderd.ts';
import type { GlobalsDescription } from './probe.ts';

const PROBE = path.join(import.meta.dirname, 'probe.ts');

/** Where the description is kept for those who have no runtime: the test double, and type checks. */
export const DESCRIPTION_FILE = path.resolve(
  import.meta.dirname,
  '../../ts-functions/testing/runtime_globals.ts',
);

/** Asks a runtime what its functions find. */
export async function readRuntimeGlobals(binary: string): Promise<GlobalsDescription> {
  const server = await startServer({ binary, flags: ['--load-deadline-ms', '60000'] });
  const client = new Redis({ port: server.port });
  try {
    await client.call('FUNCTION', ['LOAD', await bundleLibrary(PROBE, 'globals')]);
    return JSON.parse((await client.call('FCALL', ['describeGlobals', 0])) as string);
  } finally {
    client.disconnect();
    await server.stop();
  }
}

/** The text of DESCRIPTION_FILE. */
export function descriptionText(globals: GlobalsDescription): string {
  const entries = Object.entries(globals).map(([name, { own, instance }]) => {
    const key = /^\w+$/.test(name) ? name : `'${name}'`;
    return `  ${key}: {\n    ${property('own', own)}\n    ${property('instance', instance)}\n  },\n`;
  });
  return `${HEAD}${entries.join('')}};\n`;
}

const HEAD = `// What functions find in the store, as its runtime tells. Written by \`npx shredder globals\`; a test
// holds the two together.

/** Names of properties, with spaces between; symbols' as \`@@iterator\`. */
export interface GlobalNames {
  /** Of the value itself, besides what every function or object has. */
  own: string;
  /** Of what it constructs, besides what every object has. */
  instance: string;
}

/** By names of globals, and by names that TypeScript has for objects that no global constructs. */
export const RUNTIME_GLOBALS: Readonly<Record<string, GlobalNames>> = {
`;

const MAX_LINE = 100;

/** A property and its names, laid out as the formatter has it. */
function property(key: string, names: readonly string[]): string {
  const lines: string[] = [];
  let line = '';
  for (const name of names.map((each) => each.replaceAll('`', '\\`'))) {
    if (line.length + name.length + '      `,'.length >= MAX_LINE) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? name : ` ${name}`;
  }
  lines.push(line);
  if (lines.length > 1) return `${key}: \`\n      ${lines.join('\n      ')}\`,`;
  const text = `${key}: '${line}',`;
  return '    '.length + text.length > MAX_LINE ? `${key}:\n      '${line}',` : text;
}
