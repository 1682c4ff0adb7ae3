import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { execaNode } from 'execa';
import { hashFile, hashFolder, keyOf } from '../build-scripts/cache/key.ts';
import { acquireLock } from '../build-scripts/cache/lock.ts';
import { pruneResults, pruneTrees } from '../build-scripts/cache/prune.ts';
import {
  createFolderAtomically,
  listFiles,
  removeTemporaries,
  syncFiles,
  writeIfChanged,
} from '../build-scripts/system/files.ts';
import { temporaryFolder } from './support/folder.ts';

test('a key depends on every name and value, and not on their order', (t) => {
  const key = keyOf({ a: '1', b: '2' });
  t.regex(key, /^[0-9a-f]{16}$/);
  t.is(keyOf({ b: '2', a: '1' }), key);
  for (const other of [{ a: '1' }, { a: '1', b: '3' }, { a: '12', b: '' }, { a1: '', b: '2' }]) {
    t.not(keyOf(other as unknown as Record<string, string>), key);
  }
});

test("a folder's hash depends on names and contents, and not on times", async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(path.join(folder, 'sub'));
  await writeFile(path.join(folder, 'sub/a'), 'one');
  const before = await hashFolder(folder);
  await utimes(path.join(folder, 'sub/a'), 1, 1);
  t.is(await hashFolder(folder), before);
  await writeFile(path.join(folder, 'sub/a'), 'two');
  const after = await hashFolder(folder);
  t.not(after, before);
  await writeFile(path.join(folder, 'sub/b'), '');
  t.not(await hashFolder(folder), after);
});

test("a file's hash is its SHA-256", async (t) => {
  const file = path.join(await temporaryFolder(t), 'file');
  await writeFile(file, 'abc');
  t.is(await hashFile(file), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('an unchanged file is not written again', async (t) => {
  const file = path.join(await temporaryFolder(t), 'deep/er/file');
  t.true(await writeIfChanged(file, 'one'));
  await utimes(file, 1, 1);
  t.false(await writeIfChanged(file, 'one'));
  t.is((await stat(file)).mtimeMs, 1000);
  t.true(await writeIfChanged(file, 'two'));
  t.is(await readFile(file, 'utf8'), 'two');
  t.deepEqual(await readdir(path.dirname(file)), ['file']);
});

test('files are synced by content: changed ones are written, surplus ones go', async (t) => {
  const root = await temporaryFolder(t);
  const source = path.join(root, 'source');
  const target = path.join(root, 'target');
  for (const [name, text] of Object.entries({ same: '1', changed: '1', 'sub/new': '1' })) {
    await writeIfChanged(path.join(source, name), text);
  }
  for (const [name, text] of Object.entries({ same: '1', changed: '0', gone: '0', kept: '0' })) {
    await writeIfChanged(path.join(target, name), text);
  }
  await utimes(path.join(target, 'same'), 1, 1);
  const files = ['changed', 'same', 'sub/new'];
  const changed = await syncFiles(source, files, target, (file) => file === 'kept');
  t.deepEqual(changed.sort(), ['changed', 'gone', 'sub/new']);
  t.deepEqual(await listFiles(target), ['changed', 'kept', 'same', 'sub/new']);
  t.is((await stat(path.join(target, 'same'))).mtimeMs, 1000);
});

test('a folder appears whole or not at all', async (t) => {
  const root = await temporaryFolder(t);
  const folder = path.join(root, 'result');
  await t.throwsAsync(
    createFolderAtomically(folder, async (temporary) => {
      await writeFile(path.join(temporary, 'half'), '');
      throw new Error('interrupted');
    }),
    { message: 'interrupted' },
  );
  t.deepEqual(await readdir(root), []);
  await createFolderAtomically(folder, (temporary) => writeFile(path.join(temporary, 'a'), '1'));
  // Whoever comes second finds the folder of the first.
  await createFolderAtomically(folder, (temporary) => writeFile(path.join(temporary, 'a'), '2'));
  t.is(await readFile(path.join(folder, 'a'), 'utf8'), '1');
});

test('what an interrupted run left behind is removed', async (t) => {
  const root = await temporaryFolder(t);
  await mkdir(path.join(root, 'tree.partial-1-ab'));
  await mkdir(path.join(root, 'tree'));
  await removeTemporaries(root);
  t.deepEqual(await readdir(root), ['tree']);
  await removeTemporaries(path.join(root, 'absent'));
});

test('only the results that were used last are kept', async (t) => {
  const root = await temporaryFolder(t);
  for (let index = 0; index < 6; index++) {
    await mkdir(path.join(root, String(index)));
    await utimes(path.join(root, String(index)), index, index);
  }
  await pruneResults(root);
  t.deepEqual((await readdir(root)).sort(), ['2', '3', '4', '5']);
});

test('build trees that were not used for long are removed', async (t) => {
  const root = await temporaryFolder(t);
  for (const name of ['old', 'new']) await writeIfChanged(path.join(root, name, 'lock'), '');
  await mkdir(path.join(root, 'other'));
  await utimes(path.join(root, 'old/lock'), 1, 1);
  await pruneTrees(root);
  t.deepEqual((await readdir(root)).sort(), ['new', 'other']);
});

test('a lock is waited for, and the waiting names its owner', async (t) => {
  const file = path.join(await temporaryFolder(t), 'lock');
  const first = await acquireLock(file);
  let owner = '';
  const waiting = acquireLock(file, (text) => {
    owner = text;
    setTimeout(() => first.release(), 50);
  });
  const second = await waiting;
  t.is(owner, `process ${process.pid}`);
  second.release();
  (await acquireLock(file, () => t.fail('nobody holds it'))).release();
});

test('a lock goes with a process that is killed', async (t) => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'lock');
  const script = path.join(folder, 'hold.mjs');
  const module = new URL('../build-scripts/cache/lock.ts', import.meta.url);
  await writeFile(
    script,
    `import { acquireLock } from ${JSON.stringify(module.href)};
     await acquireLock(${JSON.stringify(file)});
     process.send('held');
     setInterval(() => undefined, 1000);`,
  );
  const holder = execaNode(script, {
    nodeOptions: ['--import', import.meta.resolve('tsx')],
    ipc: true,
    reject: false,
  });
  await holder.getOneMessage();
  let waited = false;
  const lock = await acquireLock(file, (owner) => {
    waited = true;
    t.is(owner, `process ${holder.pid}`);
    holder.kill('SIGKILL');
  });
  t.true(waited);
  lock.release();
  await holder;
});
