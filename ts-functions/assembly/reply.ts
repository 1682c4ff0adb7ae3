// What a function replies. Each is valid until the store has read it and calls `free`.

enum Kind {
  Null,
  Boolean,
  Integer,
  Double,
  Text,
  Bytes,
  Array,
  Map,
  Error,
}

const REPLY_BYTES: i32 = 16;

/** A reply, as the store reads it. */
export class Reply {
  constructor(
    private kind: u32,
    private size: u32,
    private data: u64,
  ) {}
}

export function nothing(): Reply {
  return new Reply(Kind.Null, 0, 0);
}

export function boolean(value: bool): Reply {
  return new Reply(Kind.Boolean, u32(value), 0);
}

export function integer(value: i64): Reply {
  return new Reply(Kind.Integer, 0, value);
}

export function double(value: f64): Reply {
  return new Reply(Kind.Double, 0, reinterpret<u64>(value));
}

export function text(value: string): Reply {
  return encoded(Kind.Text, value);
}

/** An error reply, whose text is behind `ERR `. What the call has written stays. */
export function error(message: string): Reply {
  return encoded(Kind.Error, message);
}

export function bytes(value: Uint8Array): Reply {
  return new Reply(Kind.Bytes, value.length, value.dataStart);
}

export function array(items: Reply[]): Reply {
  return new Reply(Kind.Array, items.length, joined(items));
}

/** A map of its keys and values in turns. */
export function map(keysAndValues: Reply[]): Reply {
  assert(keysAndValues.length % 2 == 0);
  return new Reply(Kind.Map, keysAndValues.length / 2, joined(keysAndValues));
}

function encoded(kind: Kind, value: string): Reply {
  const utf8 = String.UTF8.encode(value);
  return new Reply(kind, utf8.byteLength, changetype<usize>(utf8));
}

/** The replies one behind the other. */
function joined(items: Reply[]): usize {
  const to = changetype<usize>(new ArrayBuffer(items.length * REPLY_BYTES));
  for (let i = 0; i < items.length; i++) {
    memory.copy(to + i * REPLY_BYTES, changetype<usize>(items[i]), REPLY_BYTES);
  }
  return to;
}
