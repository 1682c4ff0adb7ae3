import { mkdir, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import type { UserError } from '../build-scripts/errors.ts';
import { applyPatchFile, touchedFiles } from '../build-scripts/upstream/patch_apply.ts';
import { addOrigin, nameOfSubject, removeOrigin } from '../build-scripts/upstream/patch_format.ts';
import { checkPatch, checkSeries } from '../build-scripts/upstream/patch_lint.ts';
import { exportSeries, importSeries } from '../build-scripts/upstream/patch_repository.ts';
import { applySeries, parseSeries, readSeries } from '../build-scripts/upstream/patch_series.ts';
import { temporaryFolder, writeFiles } from './support/folder.ts';

const ALPHA = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', ''].join('\n');

const FIRST = patchOf({
  subject: 'Change two',
  body: 'The number is needed in upper case.\n\nIt goes away when upstream shouts.',
  diff: `diff --git a/deps/v8/alpha.txt b/deps/v8/alpha.txt
--- a/deps/v8/alpha.txt
+++ b/deps/v8/alpha.txt
@@ -1,4 +1,4 @@
 one
-two
+TWO
 three
 four
`,
});

const SECOND = patchOf({
  subject: 'Add beta and drop gamma',
  body: 'Both are build needs.\n\nSigned-off-by: A <a@localhost>',
  diff: `diff --git a/deps/v8/beta.txt b/deps/v8/beta.txt
new file mode 100644
--- /dev/null
+++ b/deps/v8/beta.txt
@@ -0,0 +1 @@
+beta
diff --git a/deps/v8/gamma.txt b/deps/v8/gamma.txt
deleted file mode 100644
--- a/deps/v8/gamma.txt
+++ /dev/null
@@ -1 +0,0 @@
-gamma
`,
});

interface PatchText {
  subject: string;
  body: string;
  diff: string;
}

function patchOf({ subject, body, diff }: PatchText): string {
  return `From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: A <a@localhost>
Date: Mon, 2 Nov 2020 06:00:00 +0200
Subject: [PATCH] ${subject}

${body}

${diff}`;
}

async function readAll(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of (await readdir(folder)).sort()) {
    files[name] = await readFile(path.join(folder, name), 'utf8');
  }
  return files;
}

/** A source tree, and a folder with the two patches above on it. */
async function fixture(
  t: ExecutionContext,
): Promise<{ root: string; tree: string; patches: string }> {
  const root = await temporaryFolder(t);
  const tree = path.join(root, 'tree');
  const patches = path.join(root, 'v8-patches');
  await writeFiles(tree, {
    'deps/v8/alpha.txt': ALPHA,
    'deps/v8/gamma.txt': 'gamma\n',
    // V8's own .gitignore files name parts of its source.
    'deps/v8/.gitignore': 'ignored.txt\n',
    'deps/v8/ignored.txt': 'ignored\n',
  });
  await writeFiles(patches, {
    series: '# In order.\nchange-two.patch\nbeta.patch\n',
    'change-two.patch': FIRST,
    'beta.patch': SECOND,
  });
  return { root, tree, patches };
}

const lintCases: { title: string; files: Record<string, string>; problem: RegExp | undefined }[] = [
  {
    title: 'a listed patch with a reason is fine',
    files: { series: 'change-two.patch\n', 'change-two.patch': FIRST },
    problem: undefined,
  },
  {
    title: 'a folder without an order file',
    files: {},
    problem: /series: the order file is missing/,
  },
  {
    title: 'an unlisted patch',
    files: { series: '', 'change-two.patch': FIRST },
    problem: /change-two\.patch: the patch is not listed/,
  },
  {
    title: 'a missing patch',
    files: { series: 'gone.patch\n' },
    problem: /series: gone\.patch is listed, but missing/,
  },
  {
    title: 'a patch that is listed twice',
    files: { series: 'change-two.patch\nchange-two.patch\n', 'change-two.patch': FIRST },
    problem: /series: change-two\.patch is listed twice/,
  },
  {
    title: 'a number in front of the name',
    files: { series: '0001-change.patch\n', '0001-change.patch': FIRST },
    problem: /0001-change\.patch: a patch is named by its subject/,
  },
];

for (const { title, files, problem } of lintCases) {
  test(`patch lint of a folder: ${title}`, async (t) => {
    const folder = await temporaryFolder(t, files);
    const problems = await checkSeries(folder);
    if (problem === undefined) t.deepEqual(problems, []);
    else {
      t.is(problems.length, 1, problems.join('\n'));
      t.regex(problems[0] ?? '', problem);
    }
  });
}

const textCases: { title: string; text: string; problem: RegExp }[] = [
  {
    title: 'no reason',
    text: patchOf({ subject: 'Change', body: '', diff: diffOf('+added') }),
    problem: /^x\.patch: no reason is given/,
  },
  {
    title: 'only trailers instead of a reason',
    text: patchOf({ subject: 'Change', body: 'Signed-off-by: A <a@b>', diff: diffOf('+added') }),
    problem: /^x\.patch: no reason is given/,
  },
  {
    title: 'trailing whitespace in an added line',
    text: patchOf({ subject: 'Change', body: 'Why.', diff: diffOf('+added ') }),
    problem: /^x\.patch:13: trailing whitespace$/,
  },
  {
    title: 'trailing whitespace in the message',
    text: patchOf({ subject: 'Change', body: 'Why. ', diff: diffOf('+added') }),
    problem: /^x\.patch:6: trailing whitespace$/,
  },
  {
    title: 'trailing whitespace in a header',
    text: patchOf({ subject: 'Change ', body: 'Why.', diff: diffOf('+added') }),
    problem: /^x\.patch:4: trailing whitespace$/,
  },
  {
    title: 'a carriage return in an added line',
    text: patchOf({ subject: 'Change', body: 'Why.', diff: diffOf('+added\r') }),
    problem: /^x\.patch:13: trailing whitespace$/,
  },
  {
    title: "git's signature",
    text: `${patchOf({ subject: 'Change', body: 'Why.', diff: diffOf('+added') })}-- \n2.39.5\n`,
    problem: /^x\.patch:14: trailing whitespace$/,
  },
  {
    title: 'a diff without a message',
    text: diffOf('+added'),
    problem: /^x\.patch: not a patch as/,
  },
  {
    title: 'a message without a diff',
    text: patchOf({ subject: 'Change', body: 'Why.', diff: '' }),
    problem: /^x\.patch: not a patch as/,
  },
  {
    title: 'a missing author',
    text: patchOf({ subject: 'Change', body: 'Why.', diff: diffOf('+added') }).replace(
      /^From: .*\n/m,
      '',
    ),
    problem: /^x\.patch: the header From: is missing$/,
  },
  {
    title: 'a stamp that export should have taken off',
    text: addOrigin(
      patchOf({ subject: 'Change', body: 'Why.', diff: diffOf('+added') }),
      'x.patch',
    ),
    problem: /^x\.patch: holds the trailer Patch-File/,
  },
];

function diffOf(line: string): string {
  return `diff --git a/deps/v8/a.txt b/deps/v8/a.txt
--- a/deps/v8/a.txt
+++ b/deps/v8/a.txt
@@ -1 +1,2 @@
 context without an end${'  '}
${line}
`;
}

for (const { title, text, problem } of textCases) {
  test(`patch lint of a text: ${title}`, (t) => {
    const problems = checkPatch('x.patch', text);
    t.is(problems.length, 1, problems.join('\n'));
    t.regex(problems[0] ?? '', problem);
  });
}

test("the repository's own patch series passes the lint", async (t) => {
  for (const folder of ['v8-patches', 'lwip-patches']) {
    t.deepEqual(await checkSeries(path.resolve(folder)), []);
  }
});

test('an order file may have comments and blank lines', (t) => {
  t.deepEqual(parseSeries('# why\n\n a.patch \nb.patch\n'), ['a.patch', 'b.patch']);
});

test('an order file cannot name a file elsewhere', async (t) => {
  const root = await temporaryFolder(t);
  await writeFiles(root, { 'outside.patch': FIRST, 'patches/series': '../outside.patch\n' });
  await t.throwsAsync(readSeries(path.join(root, 'patches')), {
    message: /lists \.\.\/outside\.patch, but there is no such patch/,
  });
});

for (const [title, text] of [
  ['without trailers', FIRST],
  ['with trailers', SECOND],
  ['with a line between message and diff', FIRST.replace('\n\ndiff ', '\n---\ndiff ')],
] as const) {
  test(`a stamp of origin comes off without a trace: a message ${title}`, (t) => {
    const stamped = addOrigin(text, 'some.patch');
    t.not(stamped, text);
    t.deepEqual(removeOrigin(stamped), { text, name: 'some.patch' });
    t.deepEqual(removeOrigin(text), { text, name: undefined });
  });
}

test("a patch's name is made of its subject", (t) => {
  t.is(nameOfSubject("List the store's builtins"), 'list-the-store-s-builtins.patch');
  t.is(nameOfSubject('  42: [Ünïcode] '), 'n-code.patch');
  t.is(nameOfSubject('???'), 'patch.patch');
  t.is(nameOfSubject(`${'x'.repeat(59)} y`), `${'x'.repeat(59)}.patch`);
});

test('the files that a patch touches include those it adds and removes', (t) => {
  t.deepEqual(touchedFiles(SECOND), ['deps/v8/beta.txt', 'deps/v8/gamma.txt']);
});

test('a series is applied to a tree, and taken back when it changes', async (t) => {
  const { root, tree, patches } = await fixture(t);
  const copy = path.join(root, 'copy');
  await execa('cp', ['-r', tree, copy]);
  const apply = async (names: readonly string[]): Promise<void> => {
    const series = (await readSeries(patches)).filter((patch) => names.includes(patch.name));
    await applySeries(series, tree, copy, path.join(root, 'manifest'), path.join(root, 'scratch'));
  };
  const read = (name: string): Promise<string | undefined> =>
    readFile(path.join(copy, 'deps/v8', name), 'utf8').catch(() => undefined);

  await apply(['change-two.patch', 'beta.patch']);
  t.is(await read('alpha.txt'), ALPHA.replace('two', 'TWO'));
  t.is(await read('beta.txt'), 'beta\n');
  t.is(await read('gamma.txt'), undefined);

  await apply(['change-two.patch']);
  t.is(await read('alpha.txt'), ALPHA.replace('two', 'TWO'));
  t.is(await read('beta.txt'), undefined);
  t.is(await read('gamma.txt'), 'gamma\n');

  await apply([]);
  t.is(await read('alpha.txt'), ALPHA);
});

test('a patch that does not apply is named, with file and line, and leaves the tree alone', async (t) => {
  const { root, tree, patches } = await fixture(t);
  const copy = path.join(root, 'copy');
  await execa('cp', ['-r', tree, copy]);
  const conflicting = FIRST.replace('-two', '-deux').replace('+TWO', '+DEUX');
  await writeFiles(patches, { 'beta.patch': conflicting });
  const error = await t.throwsAsync(
    applySeries(
      await readSeries(patches),
      tree,
      copy,
      path.join(root, 'manifest'),
      path.join(root, 'scratch'),
    ),
  );
  t.is(
    error.message,
    'patch beta.patch does not apply: deps/v8/alpha.txt does not match at line 1',
  );
  t.is(await readFile(path.join(copy, 'deps/v8/alpha.txt'), 'utf8'), ALPHA);
});

test('a patch is applied to a folder inside another repository', async (t) => {
  const { root, tree } = await fixture(t);
  await execa('git', ['init', '--quiet'], { cwd: root });
  await applyPatchFile(tree, 'change-two.patch', FIRST, { remedy: 'none' });
  t.is(await readFile(path.join(tree, 'deps/v8/alpha.txt'), 'utf8'), ALPHA.replace('two', 'TWO'));
});

test('a patch may be limited to some files', async (t) => {
  const { tree } = await fixture(t);
  await applyPatchFile(tree, 'beta.patch', SECOND, {
    include: ['deps/v8/*'],
    exclude: ['deps/v8/gamma.txt'],
    remedy: 'none',
  });
  t.is(await readFile(path.join(tree, 'deps/v8/beta.txt'), 'utf8'), 'beta\n');
  t.is(await readFile(path.join(tree, 'deps/v8/gamma.txt'), 'utf8'), 'gamma\n');
});

test('a hunk may end in a blank line', async (t) => {
  const { root, tree, patches } = await fixture(t);
  await writeFiles(tree, { 'deps/v8/blank.txt': 'one\ntwo\nthree\nfour\n\nsix\n' });
  await writeFiles(patches, { series: '' });
  const source = { key: 'feed', tree };
  const checkout = path.join(root, 'checkout');
  await importSeries(checkout, source, patches);
  await writeFiles(checkout, { 'deps/v8/blank.txt': 'one\nTWO\nthree\nfour\n\nsix\n' });
  const author = ['-c', 'user.name=A', '-c', 'user.email=a@localhost'];
  await execa('git', [...author, 'commit', '--all', '--message=Change two\n\nA reason.'], {
    cwd: checkout,
  });
  await exportSeries(checkout, source, patches);
  const built = path.join(root, 'built');
  const manifest = path.join(root, 'manifest');
  await applySeries(await readSeries(patches), tree, built, manifest, path.join(root, 'scratch'));
  t.is(
    await readFile(path.join(built, 'deps/v8/blank.txt'), 'utf8'),
    'one\nTWO\nthree\nfour\n\nsix\n',
  );
});

test('import makes a commit a patch, and export gives the same bytes each time', async (t) => {
  const { root, tree, patches } = await fixture(t);
  const source = { key: 'feed', tree };
  const checkout = path.join(root, 'checkout');
  t.deepEqual(await importSeries(checkout, source, patches), ['change-two.patch', 'beta.patch']);
  const git = async (...args: string[]): Promise<string> =>
    (await execa('git', args, { cwd: checkout })).stdout;
  t.is(await git('log', '--format=%s'), 'Add beta and drop gamma\nChange two\nThe source');
  t.is(await git('show', 'HEAD:deps/v8/ignored.txt'), 'ignored');

  // The fixture was not written by git: hashes and the like come in once.
  await exportSeries(checkout, source, patches);
  const first = await readAll(patches);
  t.deepEqual(Object.keys(first), ['beta.patch', 'change-two.patch', 'series']);
  t.is(first['series'], '# In order.\nchange-two.patch\nbeta.patch\n');
  t.deepEqual(await checkSeries(patches), []);

  t.deepEqual(await exportSeries(checkout, source, patches), []);
  const again = path.join(root, 'again');
  await importSeries(again, source, patches);
  t.deepEqual(await exportSeries(again, source, patches), []);
  t.deepEqual(await readAll(patches), first);
});

test('an exported patch names the files that a three-way merge starts from', async (t) => {
  const { root, tree, patches } = await fixture(t);
  const source = { key: 'feed', tree };
  const checkout = path.join(root, 'checkout');
  await importSeries(checkout, source, patches);
  await exportSeries(checkout, source, patches);
  const blob = async (name: string): Promise<string> =>
    (await execa('git', ['rev-parse', name], { cwd: checkout })).stdout;
  const [before, after] = [
    await blob('HEAD~2:deps/v8/alpha.txt'),
    await blob('HEAD:deps/v8/alpha.txt'),
  ];
  const { 'change-two.patch': text = '' } = await readAll(patches);
  t.true(text.includes(`\nindex ${before}..${after} 100644\n`), text);
});

/** The fixture's series, exported with what a three-way merge needs, in a checkout of its source. */
async function exported(t: ExecutionContext): Promise<{
  root: string;
  patches: string;
  checkout: string;
  git: (...args: string[]) => Promise<string>;
}> {
  const { root, tree, patches } = await fixture(t);
  const checkout = path.join(root, 'checkout');
  const source = { key: 'feed', tree };
  await importSeries(checkout, source, patches);
  await exportSeries(checkout, source, patches);
  const git = async (...args: string[]): Promise<string> => {
    const identity = ['-c', 'user.name=A', '-c', 'user.email=a@b', '-c', 'core.editor=true'];
    return (await execa('git', [...identity, ...args], { cwd: checkout })).stdout;
  };
  return { root, patches, checkout, git };
}

test('a checkout moves to another source, and merges the patches that do not fit there as they are', async (t) => {
  const { root, patches, checkout, git } = await exported(t);
  // A line more, and another one where the patch's context is.
  const alpha = `zero\n${ALPHA.replace('four', 'FOUR')}`;
  const tree = path.join(root, 'new-tree');
  await writeFiles(tree, { 'deps/v8/alpha.txt': alpha, 'deps/v8/gamma.txt': 'gamma\n' });
  const source = { key: 'beef', tree };
  await t.throwsAsync(importSeries(path.join(root, 'elsewhere'), source, patches), {
    message: /^patch change-two\.patch does not apply: /,
  });

  await importSeries(checkout, source, patches);
  t.is(await git('log', '--format=%s'), 'Add beta and drop gamma\nChange two\nThe source');
  t.is(await git('show', 'HEAD~2:deps/v8/alpha.txt'), alpha.trimEnd());
  t.is(await git('show', 'HEAD:deps/v8/alpha.txt'), alpha.replace('two', 'TWO').trimEnd());
  t.is(await git('ls-files'), 'deps/v8/alpha.txt\ndeps/v8/beta.txt');

  t.deepEqual(await exportSeries(checkout, source, patches), ['change-two.patch']);
  // Now they fit as they are.
  const again = path.join(root, 'again');
  await importSeries(again, source, patches);
  t.deepEqual(await exportSeries(again, source, patches), []);
});

test('where another source changed the same lines, import stops at the patch, and goes on with the rest', async (t) => {
  const { root, patches, checkout, git } = await exported(t);
  const tree = path.join(root, 'new-tree');
  const alpha = ALPHA.replace('two', 'deux');
  await writeFiles(tree, { 'deps/v8/alpha.txt': alpha, 'deps/v8/gamma.txt': 'gamma\n' });
  const source = { key: 'beef', tree };
  const error = await t.throwsAsync(importSeries(checkout, source, patches), {
    message: 'patch change-two.patch conflicts with this source in deps/v8/alpha.txt',
  });
  t.regex((error as UserError).remedy ?? '', /git am --continue/);
  await t.throwsAsync(exportSeries(checkout, source, patches), {
    message: /is in the middle of a git am/,
  });

  await writeFiles(checkout, { 'deps/v8/alpha.txt': alpha.replace('deux', 'DEUX') });
  await git('add', '--update');
  await git('am', '--continue');
  await exportSeries(checkout, source, patches);
  t.deepEqual(Object.keys(await readAll(patches)), ['beta.patch', 'change-two.patch', 'series']);
  t.regex((await readAll(patches))['change-two.patch'] ?? '', /^-deux\n\+DEUX$/m);
  t.deepEqual(await checkSeries(patches), []);
});

test('an import that was given up can be done again', async (t) => {
  const { root, patches, checkout, git } = await exported(t);
  const tree = path.join(root, 'new-tree');
  await writeFiles(tree, {
    'deps/v8/alpha.txt': ALPHA.replace('two', 'deux'),
    'deps/v8/gamma.txt': 'gamma\n',
  });
  const source = { key: 'beef', tree };
  for (let attempt = 0; attempt < 2; attempt++) {
    await t.throwsAsync(importSeries(checkout, source, patches), { message: /conflicts with/ });
    await git('am', '--abort');
  }
});

test('export names a new commit by its subject and removes stale patches', async (t) => {
  const { root, tree, patches } = await fixture(t);
  const source = { key: 'feed', tree };
  const checkout = path.join(root, 'checkout');
  await importSeries(checkout, source, patches);
  const git = (...args: string[]): Promise<unknown> => execa('git', args, { cwd: checkout });
  await git('reset', '--hard', 'HEAD~1');
  await writeFiles(checkout, { 'deps/v8/delta.txt': 'delta\n' });
  await git('add', '--all');
  await git('-c', 'user.name=A', '-c', 'user.email=a@b', 'commit', '-m', 'Add a delta\n\nNeeded.');
  const changed = await exportSeries(checkout, source, patches);
  t.true(changed.includes('beta.patch') && changed.includes('add-a-delta.patch'));
  t.deepEqual(Object.keys(await readAll(patches)), [
    'add-a-delta.patch',
    'change-two.patch',
    'series',
  ]);
  t.deepEqual(await checkSeries(patches), []);
});

test('import says which patch does not apply, and where', async (t) => {
  const { root, tree, patches } = await fixture(t);
  await writeFiles(patches, { 'beta.patch': FIRST.replace('-two', '-deux') });
  const checkout = path.join(root, 'checkout');
  const error = await t.throwsAsync(importSeries(checkout, { key: 'feed', tree }, patches));
  t.regex(error.message, /^patch beta\.patch does not apply: .*deps\/v8\/alpha\.txt/);
});

test('import does not throw away commits that were not exported', async (t) => {
  const { root, tree, patches } = await fixture(t);
  const source = { key: 'feed', tree };
  const checkout = path.join(root, 'checkout');
  await importSeries(checkout, source, patches);
  await exportSeries(checkout, source, patches);
  // Nothing is lost where all commits are in the series.
  await importSeries(checkout, source, patches);

  await execa(
    'git',
    ['-c', 'user.name=A', '-c', 'user.email=a@b', 'commit', '--allow-empty', '-m', 'New\n\nWhy.'],
    { cwd: checkout },
  );
  await t.throwsAsync(importSeries(checkout, source, patches), {
    message: /has a commit that the patch series lacks: new\.patch/,
  });
  await writeFiles(checkout, { 'deps/v8/alpha.txt': 'edited\n' });
  await t.throwsAsync(exportSeries(checkout, source, patches), {
    message: /has changes that are not committed/,
  });
});

test('import and export refuse a folder that is not their own repository', async (t) => {
  const { root, tree, patches } = await fixture(t);
  const source = { key: 'feed', tree };
  await execa('git', ['init', '--quiet'], { cwd: root });
  const inside = path.join(root, 'inside');
  await mkdir(inside);
  for (const attempt of [importSeries, exportSeries]) {
    await t.throwsAsync(attempt(inside, source, patches), {
      message: /is not a checkout made by/,
    });
  }
});

test('export refuses a checkout of another source', async (t) => {
  const { root, tree, patches } = await fixture(t);
  const checkout = path.join(root, 'checkout');
  await importSeries(checkout, { key: 'feed', tree }, patches);
  await t.throwsAsync(exportSeries(checkout, { key: 'beef' }, patches), {
    message: /does not start from the source in use/,
  });
});
