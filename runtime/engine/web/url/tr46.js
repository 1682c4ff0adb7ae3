// In place of the package tr46, which has tables of all characters: ICU has them, too. whatwg-url calls it
// in one way only, which is the one that the native has.

const NOT_ASCII = /[^\0-\x7f]/;
const PUNYCODE = /(?:^|\.)xn--/i;

/** A domain as it is looked up, or null where it is none. */
export function toASCII(domain) {
  // The URL standard has it so, and of most domains nothing else is asked.
  if (!NOT_ASCII.test(domain) && !PUNYCODE.test(domain)) return domain.toLowerCase();
  return natives.domainToAscii(domain) ?? null;
}
