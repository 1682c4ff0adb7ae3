// TypeScript's compiler, loaded in a third of the time.
//
// It is 9 MB of one CommonJS file. `import` reads all of it for names of exports, which takes longer than
// to run it; `require()` does not. Most of what is left is V8 compiling it: what came of that is kept in
// the cache (Node 22's module.enableCompileCache, of which Node 20 has nothing), with the functions that
// the first use has needed. It is CommonJS, so that `ts` is a value and a namespace of types in one.
const { Script } = require('node:vm');
const Module = require('node:module');
const { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } =
  require('node:fs');
const { homedir } = require('node:os');
const path = require('node:path');
const { setFlagsFromString } = require('node:v8');

// Most checks are over before code that V8 optimises has paid for that: it is to be seven times as hot as
// usual. A large project still gets there.
setFlagsFromString('--interrupt-budget=1000000');

const file = require.resolve('typescript');

// What `import` is about to load is in there before it has run.
const known = require.cache[file];
module.exports = known?.loaded === true ? known.exports : load();

function load() {
  const { size, mtimeMs } = statSync(file);
  const folder = path.join(cacheFolder(), 'compiled');
  // V8 itself looks whether it is its own version's, and of a text of that length.
  const name = `typescript-${process.version}-${process.arch}-${size}-${Math.trunc(mtimeMs)}`;
  const cachedData = readKept(path.join(folder, name));
  const script = new Script(Module.wrap(readFileSync(file, 'utf8')), {
    filename: file,
    ...(cachedData !== undefined && { cachedData }),
  });
  const loaded = new Module(file, module);
  loaded.filename = file;
  loaded.paths = module.paths;
  // For whoever else asks for it, as require() does; an `import` under way wants its own.
  require.cache[file] ??= loaded;
  const requireFor = Module.createRequire(file);
  const run = script.runInThisContext();
  run.call(loaded.exports, loaded.exports, requireFor, loaded, file, path.dirname(file));
  loaded.loaded = true;
  if (cachedData === undefined || script.cachedDataRejected === true) {
    process.once('exit', () => keep(script, folder, name));
  }
  return loaded.exports;
}

/** What an earlier process has kept, where nobody else may have written it. */
function readKept(kept) {
  try {
    const { uid, mode } = statSync(kept);
    if ((mode & 0o022) !== 0 || (process.getuid !== undefined && uid !== process.getuid())) {
      return undefined;
    }
    return readFileSync(kept);
  } catch {
    return undefined;
  }
}

/** It is only faster with it: a cache that cannot be written is nobody's error. */
function keep(script, folder, name) {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const own = path.join(folder, `${process.pid}.tmp`);
    writeFileSync(own, script.createCachedData(), { mode: 0o600 });
    for (const other of readdirSync(folder)) {
      if (other.startsWith('typescript-')) rmSync(path.join(folder, other), { force: true });
    }
    renameSync(own, path.join(folder, name));
  } catch {
    // The next process compiles it again.
  }
}

/** As config.ts has it, which is a module of the other kind. */
function cacheFolder() {
  if (process.env.SHREDDER_CACHE) return path.resolve(process.env.SHREDDER_CACHE);
  const base = process.env.XDG_CACHE_HOME;
  return path.join(base && path.isAbsolute(base) ? base : path.join(homedir(), '.cache'), 'shredder');
}
