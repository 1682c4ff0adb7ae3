/** Flags of a server whose V8 has the function that the library calls. */
export const CRASH_FLAGS = ['--v8-flags', '--allow-natives-syntax'] as const;

/** A library whose function ends its process, as a defect would. */
export const CRASH_LIBRARY = `#!js name=crash
export function crash() { %SystemBreak(); }`;
