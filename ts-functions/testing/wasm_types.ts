// The types of a module's functions, which JavaScript is not told: an i32 and an f64 are the same number
// to it, and replies of two kinds.

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'other';

export interface FunctionType {
  parameters: readonly ValueType[];
  results: readonly ValueType[];
}

/** The functions that a module imports, in its order, and those that it exports. */
export interface ModuleTypes {
  imports: { module: string; name: string; type: FunctionType }[];
  exports: ReadonlyMap<string, FunctionType>;
}

const HEADER_BYTES = 8;
const SECTION = { type: 1, import: 2, function: 3, export: 7 } as const;
const KIND = { function: 0, table: 1, memory: 2, global: 3, tag: 4 } as const;
const VALUE_TYPES: ReadonlyMap<number, ValueType> = new Map([
  [0x7f, 'i32'],
  [0x7e, 'i64'],
  [0x7d, 'f32'],
  [0x7c, 'f64'],
]);

/** Reads the types of a module that has been compiled: its form is not in doubt. */
export function typesOf(module: Uint8Array): ModuleTypes {
  const reader = new Reader(module, HEADER_BYTES);
  let types: FunctionType[] = [];
  const functions: FunctionType[] = [];
  const imports: ModuleTypes['imports'] = [];
  const exports = new Map<string, FunctionType>();
  const typeAt = (index: number): FunctionType => {
    const type = types[index];
    if (type === undefined) throw new Error(`a module has no type ${index}`);
    return type;
  };
  while (!reader.atEnd) {
    const section = reader.byte();
    const end = reader.unsigned() + reader.at;
    if (section === SECTION.type) {
      types = reader.list(() => reader.functionType());
    } else if (section === SECTION.import) {
      reader.list(() => {
        const [from, name, kind] = [reader.name(), reader.name(), reader.byte()];
        if (kind !== KIND.function) return reader.skipImport(kind);
        const type = typeAt(reader.unsigned());
        functions.push(type);
        imports.push({ module: from, name, type });
      });
    } else if (section === SECTION.function) {
      functions.push(...reader.list(() => typeAt(reader.unsigned())));
    } else if (section === SECTION.export) {
      reader.list(() => {
        const [name, kind, index] = [reader.name(), reader.byte(), reader.unsigned()];
        const type = functions[index];
        if (kind === KIND.function && type !== undefined) exports.set(name, type);
      });
    }
    reader.at = end;
  }
  return { imports, exports };
}

/** As a text, which equal types have in common: `(i32, i64) -> i32`. */
export function typeText({ parameters, results }: FunctionType): string {
  return `(${parameters.join(', ')}) -> ${results.join(', ')}`;
}

class Reader {
  constructor(
    private readonly bytes: Uint8Array,
    public at: number,
  ) {}

  get atEnd(): boolean {
    return this.at >= this.bytes.byteLength;
  }

  byte(): number {
    return this.bytes[this.at++] ?? 0;
  }

  /** LEB128. */
  unsigned(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  name(): string {
    const length = this.unsigned();
    this.at += length;
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at));
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: this.unsigned() }, read);
  }

  functionType(): FunctionType {
    this.byte();
    return {
      parameters: this.list(() => this.valueType()),
      results: this.list(() => this.valueType()),
    };
  }

  skipImport(kind: number): void {
    if (kind === KIND.global || kind === KIND.tag) {
      this.byte();
      this.unsigned();
      return;
    }
    if (kind === KIND.table) this.valueType();
    const hasMaximum = (this.byte() & 1) === 1;
    this.unsigned();
    if (hasMaximum) this.unsigned();
  }

  private valueType(): ValueType {
    return VALUE_TYPES.get(this.byte()) ?? 'other';
  }
}
