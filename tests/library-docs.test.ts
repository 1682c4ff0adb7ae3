// The examples of docs/library.md and docs/client.md are code that works.
import { symlink } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import { typeCheck } from '../build-scripts/functions/typecheck.ts';
import { CHECKOUT } from './support/command_line.ts';
import { codeBlocks } from './support/documentation.ts';
import { temporaryFolder } from './support/folder.ts';

test('the examples of the documented modules type-check and bundle', async (t) => {
  const examples = (await codeBlocks('library.md')).map(({ code }) => code);
  t.is(examples.length, 11);
  const files = examples.map((code, i) => [`example${i}.ts`, code] as const);
  const all = files.map(([name], i) => `export * as example${i} from './${name}';`).join('\n');
  const folder = await temporaryFolder(t, { ...Object.fromEntries(files), 'all.ts': all });
  t.is(typeCheck(path.join(folder, 'all.ts'))?.text, undefined);
  t.regex(await bundleLibrary(path.join(folder, 'all.ts'), 'all'), /from "shredder:store"/);
});

test('the examples of typed calls type-check, and the library bundles', async (t) => {
  const [library, caller, ...more] = (await codeBlocks('client.md')).map(({ code }) => code);
  t.is(more.length, 3);
  const [together, failing, double] = more;
  const connected = "declare const cart: ReturnType<typeof client<typeof import('./cart.ts')>>;\n";
  const folder = await temporaryFolder(t, {
    'cart.ts': library!,
    'caller.ts': caller!,
    'together.ts': `import type { client } from 'shredder-functions/client';\n${together!}${connected}`,
    'failing.ts': `import type { client } from 'shredder-functions/client';\n${failing!}${connected}`,
    'double.ts': double!,
    'tsconfig.json': JSON.stringify({
      extends: path.join(CHECKOUT, 'tsconfig.json'),
      compilerOptions: {
        typeRoots: [path.join(CHECKOUT, 'node_modules', '@types')],
        types: ['node'],
        noUnusedLocals: false,
      },
      include: ['*.ts'],
    }),
    'package.json': '{"type":"module"}',
  });
  await symlink(path.join(CHECKOUT, 'node_modules'), path.join(folder, 'node_modules'));
  const tsc = path.join(CHECKOUT, 'node_modules', 'typescript', 'bin', 'tsc');
  const checked = await execa(process.execPath, [tsc, '--noEmit', '-p', folder], { reject: false });
  t.is(checked.stdout, '');
  t.regex(await bundleLibrary(path.join(folder, 'cart.ts'), 'cart'), /from "shredder:store"/);
});
