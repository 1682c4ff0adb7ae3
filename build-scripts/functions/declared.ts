/** The line of a library's code that has the declarations of its functions, in base64. */
export const DECLARATIONS_MARKER = '//# functionTypes=';

/** The declarations in a library's code, by function; none where it was loaded without. */
export function declarationsIn(code: string): ReadonlyMap<string, string> {
  const [, base64] = new RegExp(`\\n${DECLARATIONS_MARKER}([A-Za-z0-9+/=]*)\\s`).exec(code) ?? [];
  if (base64 === undefined) return new Map();
  try {
    const value: unknown = JSON.parse(Buffer.from(base64, 'base64').toString());
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
    return new Map(entries.filter((each): each is [string, string] => typeof each[1] === 'string'));
  } catch {
    return new Map();
  }
}
