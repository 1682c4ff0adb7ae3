import path from 'node:path';
import test from 'ava';
import { loadConfig } from '../build-scripts/config.ts';
import { compileCommands, completeCommands } from '../build-scripts/runtime/compile_commands.ts';
import { run } from '../build-scripts/system/command.ts';
import {
  commandsFor,
  keep,
  keepCommands,
  type CompileCommand,
} from '../build-scripts/system/compile_commands.ts';
import { listFiles } from '../build-scripts/system/files.ts';
import { selectOwn } from '../build-scripts/v8/own_commands.ts';
import { temporaryFolder } from './support/folder.ts';
import { builtRuntime } from './support/server.ts';

const FOLDERS = ['builtins-csa', 'runtime'];

/** A command as ninja tells it of V8's tree. */
function inV8(file: string, target: string): CompileCommand {
  const object = `obj/${target}.${path.basename(file, '.cc')}.o`;
  return {
    directory: '/v8/out',
    file,
    command: `clang++ -MMD -MF ${object}.d '-DA="b"' -I../../deps/v8 -c ${file} -o ${object}`,
  };
}

test("V8's own files are taken once, as files of the checkout, whose headers come first", (t) => {
  const own = '../../deps/v8/builtins-csa/builtins/gen.cc';
  const commands = [
    inV8('../../deps/v8/src/api.cc', 'base'),
    inV8(own, 'base'),
    inV8(own, 'turboshaft'),
  ];
  t.deepEqual(selectOwn(JSON.stringify(commands)), [
    {
      file: '@checkout@/builtins-csa/builtins/gen.cc',
      command: `clang++ -I@checkout@ '-DA="b"' -I../../deps/v8 -c @checkout@/builtins-csa/builtins/gen.cc`,
    },
  ]);
});

test('kept commands are those of any checkout, also of one whose path a shell would split', async (t) => {
  const result = await temporaryFolder(t);
  const command = { file: '/copy/runtime/a.cc', command: 'clang++ -I/copy -c /copy/runtime/a.cc' };
  await keepCommands(result, [keep(command, '/copy')]);
  t.deepEqual(await commandsFor('/my code', result, '/build'), [
    {
      directory: '/build',
      file: '/my code/runtime/a.cc',
      command: 'clang++ -I/my\\ code -c /my\\ code/runtime/a.cc',
    },
  ]);
});

test('a source that no build compiles has the command of its neighbour, or of one above, and a header that of a source with it', async (t) => {
  const checkout = await temporaryFolder(t, {
    'runtime/a/known.cc': '#include "runtime/a/known.h"\n#include <vector>\n',
    'runtime/a/known.h': '#include "builtins-csa/far.h"\n',
    'runtime/a/fuzz.cc': '',
    'runtime/a/b/variant/card.cc': '',
    'runtime/a/unused.h': '',
    'builtins-csa/far.h': '',
  });
  const at = (name: string): string => path.join(checkout, name);
  const known = {
    directory: '/build',
    file: at('runtime/a/known.cc'),
    command: `clang++ -I${checkout} -c ${at('runtime/a/known.cc')} -O2`,
  };
  const commands = await completeCommands(checkout, FOLDERS, [known]);
  const compiled = (name: string): CompileCommand => ({
    directory: '/build',
    file: at(name),
    command: `clang++ -I${checkout} -c ${at(name)} -O2`,
  });
  t.deepEqual(
    commands.toSorted((a, b) => (a.file < b.file ? -1 : 1)),
    [
      'builtins-csa/far.h',
      'runtime/a/b/variant/card.cc',
      'runtime/a/fuzz.cc',
      'runtime/a/known.cc',
      'runtime/a/known.h',
    ].map(compiled),
  );
});

test('each C++ file of the checkout is compiled as its own, with all that it includes', async (t) => {
  const config = loadConfig();
  const commands = await compileCommands(config, await builtRuntime());
  const byFile = new Map(commands.map((command) => [command.file, command]));
  for (const folder of FOLDERS) {
    for (const name of await listFiles(path.join(config.repository, folder))) {
      if (!name.endsWith('.cc')) continue;
      t.true(byFile.has(path.join(config.repository, folder, name)), `${folder}/${name}`);
    }
  }
  for (const name of ['builtins-csa/builtins/table_gather.cc', 'runtime/store/store.cc']) {
    const entry = byFile.get(path.join(config.repository, name));
    const parse = entry?.command.replace(/ -o \S+/, '');
    const shell = ['-c', `${parse} -fsyntax-only -H`];
    const { output } = await run('sh', shell, { cwd: entry?.directory ?? '' });
    // The checkout's headers, not copies of them.
    const headers = [...output.matchAll(/^\.+ (.*\/builtins-csa\/.*)$/gm)].map(
      ([, file = '']) => file,
    );
    t.true(headers.length > 0, name);
    for (const header of headers)
      t.true(path.resolve(header).startsWith(config.repository), header);
  }
});
