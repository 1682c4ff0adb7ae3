// What a library's types say of its calls.
import type { DefinedFunction } from '../src/define.ts';
import type { Key } from '../src/index.ts';
import type { ShredderError } from './errors.ts';

/** Names that are no calls, for JavaScript asks any object for these. */
export type Asked = 'then' | 'toJSON' | 'toString' | 'valueOf';

/** The functions of a library, as its callers have them: of each export that can be called, its call. */
export type Client<Library> = {
  readonly [Name in keyof Library as Name extends 'default' | Asked
    ? never
    : Library[Name] extends (...args: never) => unknown
      ? Name
      : never]: CallOf<Library[Name]>;
};

/** A call of a function: what it takes and gives. */
export type CallOf<Function> =
  Function extends DefinedFunction<infer Keys, infer Args, infer Returned>
    ? Call<CallInput<Keys, Args>, Arrived<Returned>>
    : Function extends (keys: string[], args: string[]) => infer Returned
      ? Call<PlainInput, Arrived<Awaited<Returned>>>
      : never;

export type Call<Input, Returned> = (
  ...input: Record<never, never> extends Input ? [input?: Input] : [input: Input]
) => Promise<Returned>;

/** Of a function that is made by `defineFunction`; what may be left out may be. */
export type CallInput<Keys, Args> = ([] extends Keys
  ? { readonly keys?: Readonly<Keys> }
  : { readonly keys: Readonly<Keys> }) &
  (undefined extends Args ? { readonly args?: Args } : { readonly args: Args });

/** Of any other function. */
export interface PlainInput {
  readonly keys?: readonly Key[];
  readonly args?: readonly string[];
}

type Atom = string | number | bigint | boolean | null | undefined | Date;

/** A result as its caller has it: what it is, but that all bytes arrive as a Uint8Array. */
export type Arrived<T> = unknown extends T
  ? T
  : T extends Atom
    ? T
    : T extends void
      ? undefined
      : T extends ArrayBuffer | ArrayBufferView
        ? Uint8Array
        : T extends Error
          ? ShredderError
          : T extends ReadonlyMap<infer Key, infer Item>
            ? Map<Arrived<Key>, Arrived<Item>>
            : T extends ReadonlySet<infer Item>
              ? Set<Arrived<Item>>
              : { [Name in keyof T]: Arrived<T[Name]> };
