// For functions in AssemblyScript: what they are called with, what they reply, and the store.
//
//     import { Call, integer, ht_length_s } from 'shredder-functions/assembly';
//     export { alloc, free } from 'shredder-functions/assembly';
//
//     export function lengthOf(call: Call): void {
//       call.reply = integer(ht_length_s(call.keyAddress(0), call.keyLength(0)));
//     }
export * from './imports';
export * from './reply';
export { Call } from './call';
export { alloc, free } from './memory';
