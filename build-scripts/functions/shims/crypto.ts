// node:crypto: digests, and what is random.
import { Buffer } from './buffer.ts';
import { sha1 } from './sha1.ts';
import { sha256 } from './sha256.ts';

const DIGESTS: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = { sha1, sha256 };

// The global's methods need it for their receiver.
export const getRandomValues = <T extends ArrayBufferView>(into: T): T =>
  crypto.getRandomValues(into as never);

export function randomBytes(size: number): Buffer {
  return getRandomValues(Buffer.alloc(size));
}

export function randomFillSync<T extends ArrayBufferView>(into: T): T {
  return getRandomValues(into);
}

/** An integer from `min` to `max` - 1, or below the one number that is given. */
export function randomInt(min: number, max?: number): number {
  const [from, to] = max === undefined ? [0, min] : [min, max];
  const range = to - from;
  if (!Number.isSafeInteger(range) || range < 1 || range > 2 ** 48) {
    throw new RangeError('the range must be from 1 to 2^48');
  }
  // What lies beyond the last whole multiple would favour some.
  const limit = 2 ** 48 - (2 ** 48 % range);
  for (;;) {
    const value = randomBytes(6).reduce((sum, byte) => sum * 256 + byte, 0);
    if (value < limit) return from + (value % range);
  }
}

export function randomUUID(): string {
  const bytes = randomBytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

export class Hash {
  private readonly parts: Uint8Array[] = [];

  constructor(private readonly compute: (bytes: Uint8Array) => Uint8Array) {}

  update(data: string | Uint8Array, encoding?: string): this {
    this.parts.push(typeof data === 'string' ? Buffer.from(data, encoding) : Buffer.from(data));
    return this;
  }

  digest(): Buffer;
  digest(encoding: string): string;
  digest(encoding?: string): Buffer | string {
    const bytes = Buffer.from(this.compute(Buffer.concat(this.parts)));
    return encoding === undefined ? bytes : bytes.toString(encoding);
  }
}

export function createHash(algorithm: string): Hash {
  const compute = DIGESTS[algorithm.toLowerCase().replace('-', '')];
  if (compute === undefined) {
    const known = getHashes().join(' and ');
    throw new Error(`no digest ${algorithm} in the store: ${known} are there`);
  }
  return new Hash(compute);
}

export function getHashes(): string[] {
  return Object.keys(DIGESTS);
}

/** In a time that does not depend on what differs. */
export function timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) throw new RangeError('the two must have the same length');
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

export const webcrypto = { getRandomValues, randomUUID };

export default {
  Hash,
  createHash,
  getHashes,
  getRandomValues,
  randomBytes,
  randomFillSync,
  randomInt,
  randomUUID,
  timingSafeEqual,
  webcrypto,
};
