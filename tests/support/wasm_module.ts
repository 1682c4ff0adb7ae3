// WebAssembly modules for tests, without a compiler: what these need of the binary format.

type Type = 'i32' | 'i64' | 'f64';
const TYPES: Readonly<Record<Type, number>> = { i32: 0x7f, i64: 0x7e, f64: 0x7c };

/** Instructions, as bytes. */
export const code = {
  i32: (value: number): number[] => [0x41, ...signed(value)],
  i64: (value: number): number[] => [0x42, ...signed(value)],
  localGet: (index: number): number[] => [0x20, ...unsigned(index)],
  call: (index: number): number[] => [0x10, ...unsigned(index)],
  /** For ever, and a body that comes back to its start. */
  loop: (body: readonly number[] = []): number[] => [0x03, 0x40, ...body, 0x0c, 0, 0x0b],
  /** Pages more; the pages that there were, or -1. */
  grow: (pages: number): number[] => [...code.i32(pages), 0x40, 0],
  drop: [0x1a],
  unreachable: [0x00],
};

interface Signature {
  parameters?: readonly Type[];
  result?: Type;
}

export interface ModuleParts {
  /** Names in `shredder:store`; functions 0, 1, ... */
  imports?: readonly ({ name: string } & Signature)[];
  /** Behind the imports, each exported by its name. */
  functions: readonly ({ name: string; body: readonly number[] } & Signature)[];
  /** Pages of an exported memory. */
  pages?: number;
}

/** A library as FUNCTION LOAD takes it. */
export function wasmLibrary(name: string, parts: ModuleParts): Buffer {
  return Buffer.concat([Buffer.from(`#!wasm name=${name}\n`), moduleBytes(parts)]);
}

/** The bytes of a module. */
export function moduleBytes({ imports = [], functions, pages }: ModuleParts): Buffer {
  const signatures = [...imports, ...functions].map(({ parameters = [], result }) => [
    0x60,
    ...vector(parameters.map((type) => [TYPES[type]])),
    ...vector(result === undefined ? [] : [[TYPES[result]]]),
  ]);
  const exported = functions.map(({ name }, i) => [
    ...text(name),
    0,
    ...unsigned(imports.length + i),
  ]);
  if (pages !== undefined) exported.push([...text('memory'), 2, 0]);
  return Buffer.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, signatures),
    ...section(
      2,
      imports.map(({ name }, i) => [...text('shredder:store'), ...text(name), 0, ...unsigned(i)]),
    ),
    ...section(
      3,
      functions.map((_, i) => unsigned(imports.length + i)),
    ),
    ...(pages === undefined ? [] : section(5, [[0, ...unsigned(pages)]])),
    ...section(7, exported),
    ...section(
      10,
      functions.map(({ body }) => sized([0, ...body, 0x0b])),
    ),
  ]);
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  return value >= -64 && value < 64
    ? [value & 0x7f]
    : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}

const sized = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes];
const text = (string: string): number[] => sized([...Buffer.from(string)]);
const vector = (items: readonly (readonly number[])[]): number[] => [
  ...unsigned(items.length),
  ...items.flat(),
];
const section = (id: number, items: readonly (readonly number[])[]): number[] =>
  items.length === 0 ? [] : [id, ...sized(vector(items))];
