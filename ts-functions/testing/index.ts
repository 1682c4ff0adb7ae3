// A test double of the store: storage functions under plain Node, unchanged.
//
//     node --import shredder-functions/register my-functions.test.ts
//
//     import { createStore } from 'shredder-functions/testing';
//     import { countFriends } from './graph.ts';
//     const store = createStore();
//     store.set(1, new Uint32Array([2, 3]));
//     await store.call(countFriends, ['1'], ['2']); // 2
export { createStore } from './store.ts';
export type { Callable, CallOptions, StoreOptions, TestStore } from './store.ts';
export { loadWasm } from './wasm_library.ts';
export type { WasmLibrary } from './wasm_library.ts';
