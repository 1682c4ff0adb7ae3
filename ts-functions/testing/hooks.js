// Module-resolution hook of register.cjs; runs on Node's thread for such hooks.
let builtins;

export function initialize(data) {
  builtins = data.builtins;
}

export function resolve(specifier, context, nextResolve) {
  return nextResolve(specifier === 'shredder:store' ? builtins : specifier, context);
}
