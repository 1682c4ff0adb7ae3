// Libraries in WebAssembly under plain Node: the files that `shredder deploy` takes, by the same ABI.
/// <reference path="../src/webassembly.d.ts" />
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CompileError, compileWasm, type CompiledWasm } from '../compile/index.ts';
import type { Result } from '../src/index.ts';
import type { Callable } from './store.ts';
import { blockBytes, readReply, writeBlock } from './wasm_call.ts';
import { storeImports } from './wasm_instance.ts';
import { STORE_IMPORTS } from './wasm_imports.ts';
import { typesOf, typeText, type FunctionType, type ValueType } from './wasm_types.ts';

const STORE_MODULE = 'shredder:store';
const SECTION = 'shredder';
const FUNCTION_NAME = /^\w+$/;
const FUNCTION_TYPE = /^\((?:i32)?\) -> (?:i32|i64|f64)?$/;

// Functions find what the store has of it, and may have changed that.
const { Instance } = WebAssembly;

/** The functions of a library by their names. */
export type WasmLibrary = Readonly<Record<string, Callable<Result>>>;

/**
 * Compiles a library in AssemblyScript (`.as.ts`) or C (`.c`) as `shredder deploy` does, or takes a
 * module (`.wasm`), and gives its functions, which run by `store.call`:
 *
 *     const scores = await loadWasm(new URL('./scores.as.ts', import.meta.url));
 *     await createStore().call(scores.best, ['a', 'b']);
 *
 * An integer reply is a bigint. As in the store, memory and globals live from call to call, until one fails.
 *
 * @param file Its path, from the process's folder, or its URL.
 * @throws an Error of one line, and the compiler's own text behind it, where it does not compile or load.
 */
export async function loadWasm(file: string | { readonly href: string }): Promise<WasmLibrary> {
  const { module } = await compile(
    path.resolve(typeof file === 'string' ? file : fileURLToPath(file.href)),
  );
  const compiled = new WebAssembly.Module(module);
  const { imports, exports } = typesOf(module);
  requireImports(imports);
  const functions = functionsOf(compiled, exports);
  const library = new Library(compiled, hasFree(exports));
  const described = descriptions(compiled);
  return Object.fromEntries(
    functions.map(([name, type]) => [
      name,
      Object.assign(library.functionOf(name, type), described[name]),
    ]),
  );
}

async function compile(file: string): Promise<CompiledWasm> {
  try {
    return await compileWasm(file);
  } catch (error) {
    if (!(error instanceof CompileError) || error.output === '') throw error;
    throw new Error(`${error.message}\n${error.output}`, { cause: error });
  }
}

/** A module, and its instance until a call fails. */
class Library {
  private exports: WebAssembly.Exports | undefined;

  constructor(
    private readonly module: WebAssembly.Module,
    private readonly hasFree: boolean,
  ) {
    this.exports = this.instantiate();
  }

  functionOf(name: string, { parameters, results: [result] }: FunctionType): Callable<Result> {
    const takesCall = parameters.length > 0;
    return (keys, args) => {
      try {
        this.exports ??= this.instantiate();
        const { exports } = this;
        const block = takesCall ? writeCall(exports, keys, args) : 0;
        const returned = takesCall ? run(exports, name, block) : run(exports, name);
        const reply = replyOf(exports, returned, result, block);
        if (takesCall && this.hasFree) run(exports, 'free', block);
        return reply;
      } catch (error) {
        this.exports = undefined;
        throw error;
      }
    };
  }

  private instantiate(): WebAssembly.Exports {
    const { exports } = new Instance(this.module, { [STORE_MODULE]: storeImports() });
    if (typeof exports['_initialize'] === 'function') run(exports, '_initialize');
    return exports;
  }
}

/** The address of a call's block, which it writes. */
function writeCall(
  exports: WebAssembly.Exports,
  keys: readonly string[],
  args: readonly string[],
): number {
  const operands = [...keys, ...args].map((each) => new TextEncoder().encode(each));
  const bytes = blockBytes(operands);
  const block = (run(exports, 'alloc', bytes) as number) >>> 0;
  if (block === 0 || block + bytes > memoryOf(exports).byteLength) {
    throw new Error(`alloc of the module gave no memory for a call of ${bytes} bytes`);
  }
  writeBlock(memoryOf(exports), block, keys.length, operands);
  return block;
}

function replyOf(
  exports: WebAssembly.Exports,
  returned: unknown,
  type: ValueType | undefined,
  block: number,
): Result {
  if (type !== undefined) return returned as bigint | number;
  return block === 0 ? null : readReply(memoryOf(exports), block);
}

/** As it is now: one that grows is another. */
function memoryOf(exports: WebAssembly.Exports): ArrayBuffer {
  return (exports['memory'] as WebAssembly.Memory).buffer;
}

function run(exports: WebAssembly.Exports, name: string, ...values: number[]): unknown {
  return (exports[name] as (...values: number[]) => unknown)(...values);
}

function requireImports(imports: ReturnType<typeof typesOf>['imports']): void {
  for (const { module, name, type } of imports) {
    const known = module === STORE_MODULE ? STORE_IMPORTS.get(name) : undefined;
    if (known === undefined) {
      throw new WebAssembly.LinkError(`there is no function ${name} in ${module} to import`);
    }
    if (typeText(known.type) !== typeText(type)) {
      throw new WebAssembly.LinkError(
        `${name} is imported as ${typeText(type)}, and is ${typeText(known.type)}`,
      );
    }
  }
}

/** What a module exports for callers, as the store has it. */
function functionsOf(
  module: WebAssembly.Module,
  types: ReadonlyMap<string, FunctionType>,
): [name: string, type: FunctionType][] {
  const functions = [...types].filter(([name]) => !/^(?:alloc$|free$|_|$)/.test(name));
  for (const [name, type] of functions) {
    if (!FUNCTION_NAME.test(name)) {
      throw new Error(
        'Function names can only contain letters, numbers, or underscores(_) and must be at least ' +
          'one character long',
      );
    }
    if (!FUNCTION_TYPE.test(typeText(type))) {
      throw new Error(
        `function ${name} must take one i32 or nothing and return an i32, an i64, an f64 or ` +
          'nothing; begin the name of what is no function of the store with _',
      );
    }
  }
  if (functions.length === 0) throw new Error('No functions registered');
  const alloc = types.get('alloc');
  if (alloc !== undefined && typeText(alloc) !== '(i32) -> i32') {
    throw new Error('alloc must be of type (i32) -> i32');
  }
  const hasMemory = WebAssembly.Module.exports(module).some(
    ({ name, kind }) => name === 'memory' && kind === 'memory',
  );
  const takesCalls = functions.some(([, { parameters }]) => parameters.length > 0);
  if (takesCalls && (!hasMemory || alloc === undefined)) {
    throw new Error('a module whose functions take a call must export memory and alloc');
  }
  return functions;
}

/** A C library's own free may be of another type. */
function hasFree(types: ReadonlyMap<string, FunctionType>): boolean {
  const free = types.get('free');
  return free !== undefined && typeText(free) === '(i32) -> ';
}

interface Description {
  flags?: readonly string[];
  description?: string;
}

function descriptions(module: WebAssembly.Module): Readonly<Record<string, Description>> {
  const [section] = WebAssembly.Module.customSections(module, SECTION);
  if (section === undefined) return {};
  const json = JSON.parse(new TextDecoder().decode(section)) as
    | { functions?: Record<string, Description> }
    | undefined;
  if (typeof json?.functions !== 'object') {
    throw new Error('the module\'s section shredder is not JSON of the form {"functions": {...}}');
  }
  return json.functions;
}
