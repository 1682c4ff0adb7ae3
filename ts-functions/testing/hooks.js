// Module-resolution hook of register.js; runs on Node's thread for such hooks.
const builtins = new URL('./builtins.ts', import.meta.url).href;

export function resolve(specifier, context, nextResolve) {
  return nextResolve(specifier === 'shredder:store' ? builtins : specifier, context);
}
