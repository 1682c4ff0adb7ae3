// Which store the builtins mean: that of the invocation they are called from. It follows an
// asynchronous function through its awaits, as the store's own context does.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { TestStore } from './store.ts';

export class Invocation {
  /** Whether it has returned or thrown: from then on its views are invalid. */
  ended = false;

  constructor(
    readonly store: TestStore,
    readonly readOnly: boolean,
  ) {}
}

const current = new AsyncLocalStorage<Invocation>();

export function currentInvocation(): Invocation | undefined {
  return current.getStore();
}

export function withInvocation<R>(invocation: Invocation, work: () => R): R {
  return current.run(invocation, work);
}
