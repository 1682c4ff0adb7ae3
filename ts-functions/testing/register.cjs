// Has `shredder:store` mean the test double, and `.wasm` files modules, for ES modules and for `require()`.
const { existsSync, readFileSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

const MODULE = 'shredder:store';
/** Holds the names of Node's globals: what libraries and tests add is not theirs to hide. */
const REGISTERED = Symbol.for('shredder-functions.registered');

/** The double's builtins: as JavaScript in the package, in a form for each; else as its source. */
function builtinsFor(form) {
  const compiled = path.join(__dirname, '..', form, 'testing', 'builtins.js');
  return existsSync(compiled) ? compiled : path.join(__dirname, 'builtins.ts');
}

if (globalThis[REGISTERED] === undefined) {
  const names = new Set(Object.getOwnPropertyNames(globalThis));
  Object.defineProperty(globalThis, REGISTERED, { value: names });
  Module.register('./hooks.js', {
    parentURL: pathToFileURL(__filename),
    data: { builtins: pathToFileURL(builtinsFor('esm')).href },
  });
  const resolveFilename = Module._resolveFilename;
  Module._resolveFilename = function (specifier, ...rest) {
    if (specifier === MODULE) return builtinsFor('cjs');
    return resolveFilename.call(this, specifier, ...rest);
  };
  Module._extensions['.wasm'] = (module, file) => {
    module.exports = { __esModule: true, default: new WebAssembly.Module(readFileSync(file)) };
  };
}
