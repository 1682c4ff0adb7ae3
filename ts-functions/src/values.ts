// Values read as what their reader wants them as.
import { HTGet, HTGetString, HTLength, type Key, type SetOptions } from 'shredder:store';

/** What a value is read as: text, decoded as UTF-8, or its bytes, copied. */
export type Form = 'text' | 'bytes';

/** A value in a form. */
export type Formed<F extends Form> = F extends 'bytes' ? Uint8Array : string;

/** The value at a key; undefined where it is absent. */
export function read<F extends Form>(key: Key, as: F): Formed<F> | undefined {
  return (as === 'bytes' ? readBytes(key) : HTGetString(key)) as Formed<F> | undefined;
}

/** A copy of a value's bytes; undefined where the key is absent. */
export function readBytes(key: Key): Uint8Array | undefined {
  const length = HTLength(key);
  if (length < 0) return undefined;
  const bytes = new Uint8Array(length);
  HTGet(key, bytes);
  return bytes;
}

/** What HTSet's options say about a key's expiry. */
export type ExpiryOptions = Pick<SetOptions, 'ttl' | 'expiresAt' | 'keepTtl'>;

const KEEP_TTL: SetOptions = { keepTtl: true };

/** These options, with which a key keeps its expiry where they say nothing about one. */
export function keepingTtl(options?: SetOptions): SetOptions {
  if (options === undefined) return KEEP_TTL;
  const { ttl, expiresAt, keepTtl } = options;
  if (ttl !== undefined || expiresAt !== undefined || keepTtl !== undefined) return options;
  return { ...options, keepTtl: true };
}
