/// <reference path="./store.d.ts" preserve="true" />
// Modules of WebAssembly beside functions in TypeScript.
import { HTImports } from 'shredder:store';

/** What a module's instance is made with: by the names of modules, what it imports of them. */
export type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

// What every project has that can run it, whether its options declare it or not.
declare const globalThis: {
  WebAssembly: {
    Instance: new (module: WebAssembly.Module, imports: Imports) => { readonly exports: object };
  };
};

/**
 * Makes an instance of a module, which may import from `shredder:store`:
 *
 *     import kernel from './kernel.wasm';
 *     const { dot, memory } = instantiate<Kernel>(kernel);
 *
 * At a library's top level it is one that all calls share; its memory lives as long as the library does.
 *
 * @param imports What the module imports besides.
 * @returns what the instance exports; that it is of this type is for the caller to know.
 * @throws TypeError where WebAssembly is switched off for the tenant, and the module has been made
 *     elsewhere; a LinkError where it imports what is not there, or of another type.
 */
export function instantiate<Exports extends object>(
  module: WebAssembly.Module,
  imports: Imports = {},
): Exports {
  const all = { ...imports, 'shredder:store': HTImports() };
  return new globalThis.WebAssembly.Instance(module, all).exports as Exports;
}
