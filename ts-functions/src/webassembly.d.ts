// Part of globals.d.ts, apart from it for whoever has Node's types of the others.

/**
 * What is synchronous of WebAssembly (docs/wasm.md). Absent where the tenant has it switched off.
 */
declare namespace WebAssembly {
  type ImportExportKind = 'function' | 'global' | 'memory' | 'table';
  type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'anyfunc' | 'externref';
  /** What an instance exports: functions, memories, tables and globals. */
  // biome-ignore lint/suspicious/noExplicitAny: as TypeScript's own declaration has it.
  type Exports = Record<string, any>;
  /** By modules' names, then by names within. */
  type Imports = Record<string, object>;

  class Module {
    /** Only while a library loads; of at most as many bytes as the library's own code has. */
    constructor(bytes: ArrayBuffer | ArrayBufferView);
    static exports(module: Module): { name: string; kind: ImportExportKind }[];
    static imports(module: Module): { module: string; name: string; kind: ImportExportKind }[];
    static customSections(module: Module, name: string): ArrayBuffer[];
  }

  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Exports;
  }

  /** Pages are of 64 KiB, and count for the tenant's array buffers. */
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number });
    readonly buffer: ArrayBuffer;
    /** @returns the pages that there were. */
    grow(pages: number): number;
  }

  class Table {
    constructor(
      descriptor: { element: 'anyfunc' | 'externref'; initial: number; maximum?: number },
      value?: unknown,
    );
    readonly length: number;
    get(index: number): unknown;
    set(index: number, value?: unknown): void;
    grow(count: number, value?: unknown): number;
  }

  class Global {
    constructor(descriptor: { value: ValueType; mutable?: boolean }, value?: unknown);
    value: unknown;
    valueOf(): unknown;
  }

  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}
}
