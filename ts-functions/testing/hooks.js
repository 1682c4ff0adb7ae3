// Hooks of register.cjs, of how modules are found and loaded; they run on Node's thread for such hooks.
let builtins;

export function initialize(data) {
  builtins = data.builtins;
}

export function resolve(specifier, context, nextResolve) {
  return nextResolve(specifier === 'shredder:store' ? builtins : specifier, context);
}

export function load(url, context, nextLoad) {
  if (!new URL(url).pathname.endsWith('.wasm')) return nextLoad(url, context);
  return { format: 'module', source: MODULE, shortCircuit: true };
}

/** As `deploy` bundles it. */
const MODULE = `
  import { readFileSync } from 'node:fs';
  export default new WebAssembly.Module(readFileSync(new URL(import.meta.url)));
`;
