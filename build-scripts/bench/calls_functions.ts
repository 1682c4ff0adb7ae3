// What `shredder bench calls` calls: a function with schemas of all that it takes and gives.
import { defineFunction, type Schema } from 'shredder-functions';

export interface Line {
  sku: string;
  quantity: number;
}

/** Looks at no more than it has to: what a validator takes is its own. */
function schema<T>(is: (value: unknown) => boolean): Schema<T> {
  return {
    '~standard': {
      version: 1,
      vendor: 'bench',
      validate: (value) =>
        is(value) ? { value: value as T } : { issues: [{ message: 'is of another type' }] },
    },
  };
}

const lines = schema<Line[]>(Array.isArray);

/** Gives its argument back. */
export const echo = defineFunction({ args: lines, result: lines }, (_keys, args) => args);
