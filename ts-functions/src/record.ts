// Records of a fixed layout: values that C or a typed array would understand, read field by field
// where they lie.
import { HTGetFloat64, HTGetUint32, type Key } from 'shredder:store';

/** The kinds of field: both little-endian, at a multiple of their own size. */
export type FieldType = 'uint32' | 'float64';

const FIELD_BYTES: Readonly<Record<FieldType, number>> = { uint32: 4, float64: 8 };

/** A layout: the records of one kind, and their fields. */
export interface RecordLayout<Name extends string> {
  /** Length of a record in bytes: a multiple of its largest field's. */
  readonly byteLength: number;
  /** The fields' names, in order. */
  readonly names: readonly Name[];
  /** Whether `name` is a field of this layout. */
  has(name: string): name is Name;
  /** Where a field begins in a record, in bytes: for a StoreView or DataView, little-endian. */
  offsetOf(name: Name): number;
  /** A field of the record at `key`; undefined where the key is absent or its value too short. */
  read(key: Key, name: Name): number | undefined;
  /** A record's bytes; throws a RangeError for a value that its field cannot hold. */
  encode(values: Readonly<Record<Name, number>>): Uint8Array;
}

/**
 * Lays out a record as C would: fields in the given order, each at the next multiple of its size.
 *
 *     const item = record({ quantity: 'uint32', price: 'float64' });
 *     item.read('item:7', 'price');
 */
export function record<Name extends string>(
  types: Readonly<Record<Name, FieldType>>,
): RecordLayout<Name> {
  const fields = new Map<Name, { type: FieldType; index: number }>();
  let end = 0;
  let alignment = 1;
  for (const name of Object.keys(types) as Name[]) {
    const size = FIELD_BYTES[types[name]];
    const index = Math.ceil(end / size);
    fields.set(name, { type: types[name], index });
    end = (index + 1) * size;
    alignment = Math.max(alignment, size);
  }
  const byteLength = Math.ceil(end / alignment) * alignment;

  function field(name: Name): { type: FieldType; index: number } {
    const found = fields.get(name);
    if (found === undefined) throw new RangeError(`the record has no field "${name}"`);
    return found;
  }

  return {
    byteLength,
    names: [...fields.keys()],
    has: (name): name is Name => fields.has(name as Name),
    offsetOf(name) {
      const { type, index } = field(name);
      return index * FIELD_BYTES[type];
    },
    read(key, name) {
      const { type, index } = field(name);
      return type === 'uint32' ? HTGetUint32(key, index) : HTGetFloat64(key, index);
    },
    encode(values) {
      const view = new DataView(new ArrayBuffer(byteLength));
      for (const [name, { type, index }] of fields) {
        const value = values[name];
        if (type === 'float64') {
          view.setFloat64(index * 8, value, true);
        } else if (value >>> 0 === value) {
          view.setUint32(index * 4, value, true);
        } else {
          throw new RangeError(`field "${name}" holds 0 to 4294967295, not ${value}`);
        }
      }
      return new Uint8Array(view.buffer);
    },
  };
}
