// Where the compiled program is, made anew where a source has changed since.
//
// The folder's name is a digest of what the file system tells of all sources, so that looking for it is
// the check: nothing that is there has to be compared, processes that run an older state keep theirs, and
// states that come again (another branch) need not be compiled again.
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';

const SOURCES = path.resolve(import.meta.dirname, '..');
/** The modules that the program has from elsewhere in the checkout. */
export const FROM_ELSEWHERE = [
  '../ts-functions/compile/assemblyscript.ts',
  '../ts-functions/compile/clang.ts',
  '../ts-functions/compile/compiler.ts',
  '../ts-functions/compile/errors.ts',
  '../ts-functions/compile/index.ts',
  '../ts-functions/testing/runtime_globals.ts',
];
/** Folders of sources that are not the program's. */
const OTHERS = ['node_modules', 'init/template', 'bench/paper/assembly'];

/** Two writes of one file within this time may leave it the same times: file systems' clocks tick. */
const CLOCK_TICK_MS = 20;
/** Other states are kept for so long: processes that run them load modules late. */
const KEPT_MS = 24 * 60 * 60_000;
const PARTIAL = 'partial-';

/**
 * @param {string} sources The folder build-scripts of a checkout.
 * @param {string} temporary Where the program goes that the checkout has no place for.
 * @returns {Promise<string>} the path of main.js.
 */
export async function upToDateProgram(sources = SOURCES, temporary = tmpdir()) {
  const repository = path.dirname(sources);
  let state = stateOf(sources);
  const places = [
    path.join(repository, 'node_modules', '.cache', 'shredder'),
    // Where that cannot be written to.
    path.join(temporary, `shredder-${process.getuid?.() ?? 'program'}`),
  ];
  for (const place of places) {
    const main = path.join(place, state.key, 'main.js');
    if (!existsSync(main)) continue;
    requireTrust(place, repository);
    return main;
  }
  for (;;) {
    // A time that is yet to come says nothing, and is not waited for.
    const untilTick = state.newest + CLOCK_TICK_MS - Date.now();
    await setTimeout(Math.min(Math.max(0, untilTick), CLOCK_TICK_MS));
    state = stateOf(sources);
    const main = await compileTo(places, sources, state);
    if (main !== undefined) return main;
  }
}

/** What the file system tells of all sources: a digest, which any edit changes, and the last change. */
export function stateOf(sources) {
  const hash = createHash('sha256').update(sources);
  const files = [];
  let newest = 0;
  const look = (file) => {
    const stats = statSync(path.join(sources, file), { throwIfNoEntry: false });
    // An editor has taken it away, to put another in its place, or its lock is a link to nowhere.
    if (stats === undefined) return false;
    const { size, mtimeMs, ctimeMs, ino } = stats;
    hash.update(`\n${file} ${size} ${mtimeMs} ${ctimeMs} ${ino}`);
    newest = Math.max(newest, mtimeMs, ctimeMs);
    return true;
  };
  const visit = (folder) => {
    const entries = readdirSync(path.join(sources, folder), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const file = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!OTHERS.includes(file)) visit(file);
      } else if (isModule(file) && look(file)) {
        files.push(file);
      }
    }
  };
  visit('');
  FROM_ELSEWHERE.forEach(look);
  return { key: hash.digest('hex').slice(0, 16), files, newest };
}

function isModule(file) {
  return /\.c?[jt]s$/.test(file) && !/\.d\.c?ts$/.test(file);
}

/** Compiles a state, unless a source is edited meanwhile: what has been read then belongs to no state. */
async function compileTo(places, sources, { key, files }) {
  const repository = path.dirname(sources);
  let refusal;
  for (const place of places) {
    let partial;
    try {
      mkdirSync(place, { recursive: true, mode: 0o700 });
      partial = mkdtempSync(path.join(place, PARTIAL));
    } catch (error) {
      refusal = error;
      continue;
    }
    try {
      requireTrust(place, repository);
      const { compileModules } = await loadCompiler();
      await compileModules({ sources, files, out: partial, isInPlace: true });
      if (stateOf(sources).key !== key) return undefined;
      // Where packages are looked for from here, too.
      if (!place.startsWith(repository + path.sep)) {
        symlinkSync(path.join(repository, 'node_modules'), path.join(partial, 'node_modules'));
      }
      const folder = path.join(place, key);
      moveFolder(partial, folder);
      removeOld(place, key);
      return path.join(folder, 'main.js');
    } finally {
      rmSync(partial, { recursive: true, force: true });
    }
  }
  const message = `the program cannot be compiled anywhere: ${refusal.message}\n  Name a folder that can be written to in TMPDIR.`;
  throw Object.assign(new Error(message), { isForUser: true });
}

async function loadCompiler() {
  try {
    return await import('./compile.js');
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const message = 'the packages of the checkout are not installed\n  Run npm ci in it.';
    throw Object.assign(new Error(message), { isForUser: true });
  }
}

/** The folder appears whole; where another process was faster, its folder stays. */
function moveFolder(from, to) {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes(error.code)) throw error;
  }
}

function removeOld(place, key) {
  for (const name of readdirSync(place)) {
    if (name === key) continue;
    const folder = path.join(place, name);
    try {
      if (Date.now() - statSync(folder).mtimeMs < KEPT_MS) continue;
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // Another process removes it.
    }
  }
}

/** A folder of the checkout is as good as its sources; among temporary files, anybody may have put one. */
function requireTrust(place, repository) {
  if (place.startsWith(repository + path.sep) || process.getuid === undefined) return;
  const { uid, mode } = lstatSync(place);
  if (uid === process.getuid() && (mode & 0o022) === 0) return;
  const message = `others than this user can write to ${place}, so no program is run from there\n  Remove it.`;
  throw Object.assign(new Error(message), { isForUser: true });
}
