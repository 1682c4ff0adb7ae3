// HTView, HTGetMany, HTAdd and HTScan of the test double.
import test, { type TestFn } from 'ava';
import 'shredder-functions/register';
import type { Result } from 'shredder-functions';
import { createStore, type Callable } from 'shredder-functions/testing';
import { testStoreFunctions, type Subject } from './support/store_functions.ts';

// Imported once `shredder:store` resolves.
const library: Readonly<Record<string, unknown>> = await import('./fixtures/scenarios.ts');

testStoreFunctions(test as TestFn, async () => doubleSubject());

function doubleSubject(): Subject {
  const store = createStore();
  return {
    async call(name, keys, args) {
      const result = await store.call(library[name] as Callable<Result>, keys, args);
      return JSON.parse(JSON.stringify(result ?? null)) as unknown;
    },
    async set(key, value) {
      store.set(key, value);
    },
    async get(key) {
      const value = store.get(key);
      return value === undefined ? null : Buffer.from(value).toString();
    },
  };
}
