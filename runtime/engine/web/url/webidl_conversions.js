// In place of the package webidl-conversions, which looks up SharedArrayBuffer, of which whatwg-url uses
// this.

/** A value as text without lone surrogates; a TypeError for a symbol. */
export function USVString(value, { context }) {
  if (typeof value === 'symbol') {
    throw new TypeError(`${context} is a symbol, which cannot be converted to a string.`);
  }
  return String(value).toWellFormed();
}

/** What a callback returns. */
export function any(value) {
  return value;
}
