/**
 * The builtins' plain C++ counterparts, which leave JavaScript for an ordinary V8 callback: there
 * to be measured against. The server has them only when it runs with `--enable-callbacks`.
 *
 * A library that uses them names this entry once:
 * `import type {} from 'shredder-functions/callbacks'`.
 */
import type { Key } from 'shredder:store';

declare module 'shredder:store' {
  /** @returns a copy of the value in a new buffer, or undefined where the key is absent. */
  export function DBGet(key: Key): ArrayBuffer | undefined;

  /**
   * @returns the value's first unsigned 32-bit little-endian integer, or undefined where the key is
   *     absent or its value is shorter than four bytes.
   */
  export function DBGetNumber(key: Key): number | undefined;

  /** As HTSet. */
  export function DBSet(key: Key, bytes: ArrayBuffer | ArrayBufferView): void;

  /** As HTDelete. */
  export function DBDelete(key: Key): boolean;

  /** As HTAdd. */
  export function DBAdd(key: Key, delta: number): number;
}
