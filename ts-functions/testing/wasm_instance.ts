// Instances of modules that import from the store. A function of JavaScript is not told which instance
// calls it, so each instance gets functions of its own, which know its memory.
/// <reference path="../src/webassembly.d.ts" />
import { STORE_IMPORTS } from './wasm_imports.ts';

/** The names of imports, by what HTImports() gives for them. */
const names = new WeakMap<object, string>();

/** What HTImports() gives: the store's imports, which only WebAssembly can call. */
export function storeImports(): Record<string, (...values: never[]) => unknown> {
  return Object.fromEntries(
    [...STORE_IMPORTS.keys()].map((name) => {
      const standIn = (): never => {
        throw new TypeError(`${name} is for WebAssembly to call`);
      };
      names.set(standIn, name);
      return [name, standIn];
    }),
  );
}

/** As in the store, such an import works on the memory of the instance that calls it. */
const BindingInstance = new Proxy(WebAssembly.Instance, {
  construct(target, [module, imports, ...rest]: InstanceArguments, newTarget) {
    const slot: MemorySlot = {};
    const bound = imports === undefined ? undefined : bindImports(module, imports, slot);
    const args = [module, bound, ...rest];
    const instance = Reflect.construct(target, args, newTarget) as WebAssembly.Instance;
    slot.memory = memoryAmong(instance.exports) ?? slot.memory;
    return instance;
  },
});
Object.defineProperty(WebAssembly, 'Instance', { value: BindingInstance });

type InstanceArguments = [WebAssembly.Module, WebAssembly.Imports | undefined, ...unknown[]];

interface MemorySlot {
  memory?: WebAssembly.Memory | undefined;
}

/** What a module imports, with functions for this instance in place of HTImports()'s. */
function bindImports(
  module: WebAssembly.Module,
  imports: WebAssembly.Imports,
  slot: MemorySlot,
): WebAssembly.Imports {
  const bound: Record<string, Record<string, unknown>> = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    const given = imports[from] as Readonly<Record<string, unknown>> | undefined;
    // What is missing, V8 tells.
    if (given === undefined) continue;
    const value = given[name];
    const known = typeof value === 'function' ? names.get(value) : undefined;
    const own = bound[from] ?? {};
    bound[from] = own;
    own[name] = known === undefined ? value : bind(known, slot);
    if (value instanceof WebAssembly.Memory) slot.memory = value;
  }
  return bound;
}

function bind(name: string, slot: MemorySlot): unknown {
  return STORE_IMPORTS.get(name)?.bind(() => {
    if (slot.memory === undefined) {
      throw new Error('the test double finds no memory: the module has to export it');
    }
    return slot.memory.buffer;
  });
}

function memoryAmong(exports: WebAssembly.Exports): WebAssembly.Memory | undefined {
  return Object.values(exports).find((each) => each instanceof WebAssembly.Memory);
}
