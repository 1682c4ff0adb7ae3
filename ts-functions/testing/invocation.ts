// Which store the builtins mean: that of the invocation they are called from. It follows an
// asynchronous function through its awaits, as the store's own context does.
import { AsyncLocalStorage } from 'node:async_hooks';
import { storeError } from './errors.ts';
import type { TestStore } from './store.ts';

export class Invocation {
  /** Whether it has returned or thrown: from then on its views are invalid. */
  ended = false;

  constructor(
    readonly store: TestStore,
    readonly readOnly: boolean,
  ) {}
}

const current = sharedStorage();

/** One for all copies of this module: a program may have it as an ES module and by `require()`. */
function sharedStorage(): AsyncLocalStorage<Invocation> {
  const name = Symbol.for('shredder-functions.invocation');
  const found: unknown = Reflect.get(globalThis, name);
  if (found instanceof AsyncLocalStorage) return found as AsyncLocalStorage<Invocation>;
  const storage = new AsyncLocalStorage<Invocation>();
  Object.defineProperty(globalThis, name, { value: storage });
  return storage;
}

export function currentInvocation(): Invocation | undefined {
  return current.getStore();
}

export function withInvocation<R>(invocation: Invocation, work: () => R): R {
  return current.run(invocation, work);
}

/** The one that the code which asks is part of. */
export function invocation(): Invocation {
  const running = currentInvocation();
  if (running === undefined) {
    throw new Error('a builtin was called outside an invocation: call the function by store.call');
  }
  return running;
}

/** The same, where it may write. */
export function writableInvocation(): Invocation {
  const running = invocation();
  if (running.readOnly) throw storeError('readOnlyFunction');
  return running;
}
