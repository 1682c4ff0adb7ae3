import test from 'ava';
import { formatNinja, parseNinja } from '../build-scripts/v8/ninja_file.ts';
import { rewriteAsUnity, type UnityOptions } from '../build-scripts/v8/unity.ts';

/** A target as GYP writes it, with continuation lines. */
const NINJA = `defines = -DONE $
    '-DTWO="2"'
cflags = -m64 -O3 -fno-omit-frame-pointer $
    -O3
ldflags = -pthread

build obj/a/v8.one.o: cxx ../../deps/v8/src/a/one.cc || $
    obj/v8.stamp
build obj/a/v8.two.o: cxx $
    ../../deps/v8/src/a/two.cc || obj/v8.stamp
build obj/a/v8.three.o: cxx ../../deps/v8/src/a/three.cc || obj/v8.stamp
build obj/a/v8.odd.o: cxx ../../deps/v8/src/a/odd.cc || obj/v8.stamp
build obj/b/v8.four.o: cxx gen/b/four.cc || obj/v8.stamp
build obj/own/v8.mine.o: cxx ../../deps/v8/builtins-csa/mine.cc || obj/v8.stamp
build obj/c/v8.plain.o: cc ../../deps/v8/src/c/plain.c || obj/v8.stamp

build obj/libv8.a: alink_thin obj/a/v8.one.o obj/a/v8.two.o obj/a/v8.three.o $
    obj/a/v8.odd.o obj/b/v8.four.o obj/own/v8.mine.o obj/c/v8.plain.o || obj/v8.stamp
`;

const OPTIONS: UnityOptions = {
  target: 'v8',
  chunkFiles: 28,
  smallDirectory: 1,
  isAlone: (source) => source.endsWith('/odd.cc'),
  isOwn: (source) => source.includes('/builtins-csa/'),
};

function edges(ninja: string): Record<string, { inputs: string[]; bindings: string[] }> {
  return Object.fromEntries(
    parseNinja(ninja).flatMap((statement) =>
      'edge' in statement
        ? [
            [
              statement.edge.outputs[0] ?? '',
              { inputs: statement.edge.inputs, bindings: statement.edge.bindings },
            ],
          ]
        : [],
    ),
  );
}

test('files of one directory become a chunk, and the archive gets its object', (t) => {
  const { ninja, chunks } = rewriteAsUnity(NINJA, OPTIONS);
  t.deepEqual(
    [...chunks],
    [
      [
        'unity/v8/src-a-1.cc',
        '#include "../../../../deps/v8/src/a/one.cc"\n' +
          '#include "../../../../deps/v8/src/a/two.cc"\n' +
          '#include "../../../../deps/v8/src/a/three.cc"\n',
      ],
    ],
  );
  const built = edges(ninja);
  t.deepEqual(built['obj/unity/v8/src-a-1.o']?.inputs, ['unity/v8/src-a-1.cc']);
  t.is(built['obj/a/v8.one.o'], undefined);
  t.deepEqual(built['obj/libv8.a']?.inputs, [
    'obj/unity/v8/src-a-1.o',
    'obj/a/v8.odd.o',
    'obj/b/v8.four.o',
    'obj/own/v8.mine.o',
    'obj/c/v8.plain.o',
  ]);
});

test('misfits, own files and a directory of one file are compiled alone', (t) => {
  const built = edges(rewriteAsUnity(NINJA, OPTIONS).ninja);
  t.deepEqual(built['obj/a/v8.odd.o']?.inputs, ['../../deps/v8/src/a/odd.cc']);
  t.deepEqual(built['obj/b/v8.four.o']?.inputs, ['gen/b/four.cc']);
  t.deepEqual(built['obj/own/v8.mine.o']?.inputs, ['../../deps/v8/builtins-csa/mine.cc']);
});

test("warnings are silenced in upstream's files and shown in own ones", (t) => {
  const built = edges(rewriteAsUnity(NINJA, OPTIONS).ninja);
  t.deepEqual(built['obj/unity/v8/src-a-1.o']?.bindings, ['  cflags = $cflags -w']);
  t.deepEqual(built['obj/a/v8.odd.o']?.bindings, ['  cflags = $cflags -w']);
  t.deepEqual(built['obj/own/v8.mine.o']?.bindings, []);
});

test('chunks hold at most so many files, evenly divided', (t) => {
  const { chunks } = rewriteAsUnity(NINJA, { ...OPTIONS, chunkFiles: 2, isAlone: () => false });
  t.deepEqual(
    [...chunks].map(([name, text]) => [name, text.split('\n').length - 1]),
    [
      ['unity/v8/src-a-1.cc', 2],
      ['unity/v8/src-a-2.cc', 2],
    ],
  );
});

test('the optimisation level is replaced where it is asked for, and only there', (t) => {
  const flags = (ninja: string): string =>
    ninja.split('\n').find((line) => line.startsWith('cflags = ')) ?? '';
  t.is(
    flags(rewriteAsUnity(NINJA, { ...OPTIONS, optimisation: '-O0' }).ninja),
    'cflags = -m64 -O0 -fno-omit-frame-pointer -O0',
  );
  t.is(
    flags(rewriteAsUnity(NINJA, OPTIONS).ninja),
    'cflags = -m64 -O3 -fno-omit-frame-pointer -O3',
  );
});

test('links use lld', (t) => {
  t.regex(rewriteAsUnity(NINJA, OPTIONS).ninja, /^ldflags = -pthread -fuse-ld=lld$/m);
});

test('a file with flags of its own stays as it is', (t) => {
  const special = NINJA.replace(
    'one.cc || $\n    obj/v8.stamp\n',
    'one.cc || obj/v8.stamp\n  cflags = -O1\n',
  );
  const built = edges(rewriteAsUnity(special, OPTIONS).ninja);
  t.deepEqual(built['obj/a/v8.one.o'], {
    inputs: ['../../deps/v8/src/a/one.cc'],
    bindings: ['  cflags = -O1'],
  });
});

test('a ninja file is parsed and written without loss', (t) => {
  const text =
    'x = 1\nbuild out$ put one$:two: rule in | implicit || order\n  a = b\n\nbuild all: phony\n';
  t.is(formatNinja(parseNinja(text)), text);
  t.deepEqual(parseNinja(text)[1], {
    edge: {
      outputs: ['out$ put', 'one$:two'],
      rule: 'rule',
      inputs: ['in'],
      implicit: ['implicit'],
      orderOnly: ['order'],
      bindings: ['  a = b'],
    },
  });
});
