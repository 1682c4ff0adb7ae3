// The symbols of `using`, which this V8 does not have yet; `Symbol` may be frozen where these run.
const wellKnown = (name: string): unknown =>
  Reflect.get(Symbol, name) ?? Symbol.for(`Symbol.${name}`);

export const SymbolDispose: unknown = /* @__PURE__ */ wellKnown('dispose');
export const SymbolAsyncDispose: unknown = /* @__PURE__ */ wellKnown('asyncDispose');
