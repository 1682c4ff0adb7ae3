// What a validator of any library has in common: Standard Schema, version 1 (https://standardschema.dev),
// which zod, valibot, arktype and others speak. Its specification asks for a copy of these types.

/** A schema: takes values of `Input`, and gives those of `Output`. */
export interface Schema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (
      value: unknown,
      options?: never,
    ) => Validation<Output> | Promise<Validation<Output>>;
    /** Of types alone: there is nothing at run time. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type Validation<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly Issue[] };

/** What is wrong with a value. */
export interface Issue {
  readonly message: string;
  /** Where in the value; absent: the value itself. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema takes; `Without` where there is no schema. */
export type InputOf<S, Without> = S extends {
  readonly '~standard': { readonly types?: infer Types };
}
  ? NonNullable<Types> extends { readonly input: infer Input }
    ? Input
    : unknown
  : Without;

/** What a schema gives; `Without` where there is no schema. */
export type OutputOf<S, Without> = S extends {
  readonly '~standard': { readonly types?: infer Types };
}
  ? NonNullable<Types> extends { readonly output: infer Output }
    ? Output
    : unknown
  : Without;

const SHOWN_ISSUES = 8;

/** Issues as one line, each with its place below `root`: `args.items[0].sku: expected string`. */
export function describeIssues(root: string, issues: readonly Issue[]): string {
  const shown = issues.slice(0, SHOWN_ISSUES).map(({ path = [], message }) => {
    // Not `map`, which makes another of the class that a library's path may be of.
    const at = Array.from(path, (each) => pathStep(typeof each === 'object' ? each.key : each));
    return `${root}${at.join('')}: ${message}`;
  });
  if (issues.length > shown.length) shown.push(`${issues.length - shown.length} more`);
  return shown.join('; ');
}

function pathStep(key: PropertyKey): string {
  if (typeof key === 'string' && /^[A-Za-z_$][\w$]*$/.test(key)) return `.${key}`;
  return typeof key === 'number' ? `[${key}]` : `[${JSON.stringify(String(key))}]`;
}
