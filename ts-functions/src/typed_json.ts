// JSON that says what JSON has no form for, as typed calls send it in both directions.
//
// An object whose only member begins with `$` stands for another value:
//
//     {"$undefined": true}      undefined, but as a member of an object, which is left out
//     {"$bigint": "-12"}        a bigint
//     {"$number": "NaN"}        a number: NaN, Infinity, -Infinity, -0
//     {"$bytes": "AQI="}        bytes, in base64: a Uint8Array
//     {"$date": "2025-11-29T00:00:00.000Z"}  a Date, as toISOString gives it; null for an invalid one
//     {"$map": [[k, v], ...]}   a Map
//     {"$set": [v, ...]}        a Set
//     {"$error": "..."}         an Error, by the line that a caller gets of one
//     {"$object": {...}}        an object that looks like one of these
//
// The server writes the same for results (runtime/server/typed_json.cc).

/** Values as they travel. */
type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** Deeper values are refused; those that hold themselves are. */
const MAX_DEPTH = 500;

/**
 * A value as typed JSON. What `toJSON` makes of an object stands for it, as in `JSON.stringify`.
 *
 * @param root What errors call the value.
 * @throws TypeError where it holds a function or a symbol, or is nested more than 500 deep.
 */
export function encodeTyped(value: unknown, root = 'args'): string {
  const json = JSON.stringify(tagged(value, root, 0));
  // Half a surrogate pair has no form in UTF-8; of what is escaped, it alone begins so.
  if (!json.includes('\\ud')) return json;
  return json.replaceAll(/\\(?:ud[89a-f][\da-f]{2}|.)/g, (escaped) =>
    escaped.length > 2 ? '\ufffd' : escaped,
  );
}

/** How errors in a text are read: the line of `$error` becomes an Error. */
export type ReadError = (line: string) => Error;

/**
 * The value of typed JSON.
 *
 * @throws SyntaxError where the text is none.
 */
export function decodeTyped(
  text: string,
  readError: ReadError = (line) => new Error(line),
): unknown {
  const value = JSON.parse(text) as Json;
  // Most values are plain.
  return text.includes('{"$') || /\{\s+"\$/.test(text) ? untagged(value, readError) : value;
}

function tagged(value: unknown, at: string, depth: number): Json {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $number: Object.is(value, -0) ? '-0' : String(value) };
    case 'bigint':
      return { $bigint: String(value) };
    case 'undefined':
      return { $undefined: true };
    case 'object':
      return value === null ? null : taggedObject(value, at, depth + 1);
    default:
      throw new TypeError(`${at} is a ${typeof value}, which no call can send`);
  }
}

function taggedObject(value: object, at: string, depth: number): Json {
  if (depth > MAX_DEPTH) {
    throw new TypeError(`${at.slice(0, 40)}... is nested more than ${MAX_DEPTH} deep`);
  }
  if (Array.isArray(value)) {
    // Not `map`, which skips the holes.
    return Array.from(value, (each, index) => tagged(each, `${at}[${index}]`, depth));
  }
  if (value instanceof Date) {
    return { $date: Number.isNaN(value.getTime()) ? null : value.toISOString() };
  }
  if (value instanceof Map) {
    const pairs = Array.from(value, ([key, item]) => [
      tagged(key, `a key of ${at}`, depth),
      tagged(item, `a value of ${at}`, depth),
    ]);
    return { $map: pairs };
  }
  if (value instanceof Set) {
    return { $set: Array.from(value, (each) => tagged(each, `an element of ${at}`, depth)) };
  }
  if (value instanceof ArrayBuffer) return { $bytes: toBase64(new Uint8Array(value)) };
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteOffset, byteLength } = value;
    return { $bytes: toBase64(new Uint8Array(buffer, byteOffset, byteLength)) };
  }
  if (value instanceof Error) return { $error: `ERR ${value.name}: ${value.message}` };
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    return tagged((value.toJSON as () => unknown)(), at, depth);
  }
  const members = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .map(([name, item]) => [name, tagged(item, `${at}.${name}`, depth)] as const);
  const object = Object.fromEntries(members);
  return members.length === 1 && members[0]?.[0].startsWith('$') === true
    ? { $object: object }
    : object;
}

function untagged(value: Json, readError: ReadError): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (isList(value)) return value.map((each) => untagged(each, readError));
  const names = Object.keys(value);
  const [name] = names;
  if (names.length === 1 && name?.startsWith('$') === true) {
    return ofTag(name, value[name] as Json, readError);
  }
  return withMembers(value, readError);
}

/** Unlike an assignment, an entry named `__proto__` is a member as any other. */
function withMembers(value: { readonly [name: string]: Json }, readError: ReadError): object {
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, untagged(item, readError)]),
  );
}

function ofTag(tag: string, content: Json, readError: ReadError): unknown {
  if (tag === '$undefined') return undefined;
  if (tag === '$bigint' && typeof content === 'string') return BigInt(content);
  if (tag === '$number' && typeof content === 'string') return Number(content);
  if (tag === '$bytes' && typeof content === 'string') return fromBase64(content);
  if (tag === '$date') return new Date(typeof content === 'string' ? content : Number.NaN);
  if (tag === '$error' && typeof content === 'string') return readError(content);
  if (tag === '$object' && typeof content === 'object' && content !== null && !isList(content)) {
    return withMembers(content, readError);
  }
  if (isList(content)) {
    const items = content.map((each) => untagged(each, readError));
    if (tag === '$set') return new Set(items);
    if (tag === '$map' && items.every(isPair)) return new Map(items);
  }
  throw new SyntaxError(`${tag} is no value of typed JSON`);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isPair(value: unknown): value is [unknown, unknown] {
  return Array.isArray(value) && value.length === 2;
}

/** As many as the arguments of one call may be. */
const CHUNK = 8_192;

function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += CHUNK) {
    text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return btoa(text);
}

function fromBase64(base64: string): Uint8Array {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
