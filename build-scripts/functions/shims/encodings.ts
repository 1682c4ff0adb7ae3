// Texts as bytes and back, in ECMAScript alone: the store's runtime has no TextEncoder.

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const REPLACEMENT = 0xfffd;

export interface Encoding {
  encode(text: string): number[];
  decode(bytes: Uint8Array): string;
}

const utf8: Encoding = {
  encode(text) {
    const bytes: number[] = [];
    for (const character of text) {
      const point = character.codePointAt(0) ?? 0;
      // A surrogate without its partner.
      const code = point >= 0xd800 && point <= 0xdfff ? REPLACEMENT : point;
      if (code < 0x80) bytes.push(code);
      else if (code < 0x800) bytes.push(0xc0 | (code >> 6), tail(code));
      else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), tail(code >> 6), tail(code));
      else bytes.push(0xf0 | (code >> 18), tail(code >> 12), tail(code >> 6), tail(code));
    }
    return bytes;
  },
  decode(bytes) {
    return textOf(points(bytes), (point) => String.fromCodePoint(point));
  },
};

const latin1: Encoding = {
  encode: (text) => Array.from({ length: text.length }, (_, i) => text.charCodeAt(i) & 0xff),
  decode: (bytes) => textOf(bytes, (byte) => String.fromCharCode(byte)),
};

const ascii: Encoding = {
  encode: latin1.encode,
  decode: (bytes) => textOf(bytes, (byte) => String.fromCharCode(byte & 0x7f)),
};

const hex: Encoding = {
  encode(text) {
    const digits = /^(?:[\da-f]{2})*/i.exec(text)?.[0] ?? '';
    return (digits.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
  },
  decode: (bytes) => textOf(bytes, (byte) => byte.toString(16).padStart(2, '0')),
};

const utf16le: Encoding = {
  encode: (text) =>
    Array.from({ length: text.length }, (_, i) => text.charCodeAt(i)).flatMap((unit) => [
      unit & 0xff,
      unit >> 8,
    ]),
  decode(bytes) {
    const units = Array.from(
      { length: bytes.length >> 1 },
      (_, i) => bytes[2 * i]! | (bytes[2 * i + 1]! << 8),
    );
    return textOf(units, (unit) => String.fromCharCode(unit));
  },
};

const base64: Encoding = { encode: decodeBase64, decode: encodeBase64 };

const base64url: Encoding = {
  encode: decodeBase64,
  decode: (bytes) =>
    encodeBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, ''),
};

const ENCODINGS: Readonly<Record<string, Encoding>> = {
  ascii,
  base64,
  base64url,
  binary: latin1,
  hex,
  latin1,
  'ucs-2': utf16le,
  ucs2: utf16le,
  'utf-16le': utf16le,
  'utf-8': utf8,
  utf16le,
  utf8,
};

export function isEncoding(name: unknown): boolean {
  return typeof name === 'string' && Object.hasOwn(ENCODINGS, name.toLowerCase());
}

export function encodingOf(name = 'utf8'): Encoding {
  const encoding = ENCODINGS[String(name).toLowerCase()];
  if (encoding === undefined) throw new TypeError(`Unknown encoding: ${name}`);
  return encoding;
}

function tail(code: number): number {
  return 0x80 | (code & 0x3f);
}

/** The code points of UTF-8, what is malformed as U+FFFD, as the Encoding Standard has it. */
function* points(bytes: Uint8Array): Generator<number> {
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at++]!;
    if (lead < 0x80) {
      yield lead;
      continue;
    }
    const more = lead >= 0xc2 && lead <= 0xf4 ? (lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3) : 0;
    let point = lead & (0x3f >> more);
    let left = more;
    while (left > 0) {
      const next = bytes[at];
      const isFirst = left === more;
      const lower = isFirst && lead === 0xe0 ? 0xa0 : isFirst && lead === 0xf0 ? 0x90 : 0x80;
      const upper = isFirst && lead === 0xed ? 0x9f : isFirst && lead === 0xf4 ? 0x8f : 0xbf;
      if (next === undefined || next < lower || next > upper) break;
      point = (point << 6) | (next & 0x3f);
      at++;
      left--;
    }
    yield more > 0 && left === 0 ? point : REPLACEMENT;
  }
}

function textOf(values: Iterable<number>, part: (value: number) => string): string {
  let text = '';
  for (const value of values) text += part(value);
  return text;
}

function encodeBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const group = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const length = Math.min(bytes.length - at, 3) + 1;
    for (let i = 0; i < length; i++) text += BASE64[(group >> (18 - 6 * i)) & 0x3f];
    text += '='.repeat(4 - length);
  }
  return text;
}

/** Both alphabets, and whatever else is between, as Node does. */
function decodeBase64(text: string): number[] {
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const character of text.replaceAll('-', '+').replaceAll('_', '/')) {
    if (character === '=') break;
    const value = BASE64.indexOf(character);
    if (value < 0) continue;
    bits = ((bits << 6) | value) & 0xfff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes.push((bits >> held) & 0xff);
  }
  return bytes;
}
