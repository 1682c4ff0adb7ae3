// The examples of docs/library.md are code that works.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import { typeCheck } from '../build-scripts/functions/typecheck.ts';
import { temporaryFolder } from './support/folder.ts';

const DOCUMENT = fileURLToPath(new URL('../docs/library.md', import.meta.url));

test('the examples of the documented modules type-check and bundle', async (t) => {
  const text = await readFile(DOCUMENT, 'utf8');
  const examples = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!);
  t.is(examples.length, 11);
  const files = examples.map((code, i) => [`example${i}.ts`, code] as const);
  const all = files.map(([name], i) => `export * as example${i} from './${name}';`).join('\n');
  const folder = await temporaryFolder(t, { ...Object.fromEntries(files), 'all.ts': all });
  t.is(typeCheck(path.join(folder, 'all.ts'))?.text, undefined);
  t.regex(await bundleLibrary(path.join(folder, 'all.ts'), 'all'), /from "shredder:store"/);
});
