// What the store calls for the memory of a call. A library exports both:
//
//     export { alloc, free } from 'shredder-functions/assembly';

/** Memory for a call's block. */
export function alloc(bytes: i32): usize {
  return heap.alloc(bytes);
}

/** Ends a call, whose reply has been read: frees its block and all that no global refers to. */
export function free(block: usize): void {
  heap.free(block);
  __collect();
}
