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

/** Words that nothing in a module can be called by. */
const RESERVED: ReadonlySet<string> = new Set(
  (
    'arguments await break case catch class const continue debugger default delete do else enum eval export extends ' +
    'false finally for function if implements import in instanceof interface let new null package private ' +
    'protected public return static super switch this throw true try typeof var void while with yield'
  ).split(' '),
);

/** A function's export for a .d.ts; of its declaration its own name is not kept where it can have none. */
export function exportDeclaration(name: string, declaration: string): string {
  if (/^[A-Za-z_]\w*$/.test(name) && !RESERVED.has(name)) return `export declare ${declaration}\n`;
  // No function is called so: names have letters, digits and underscores.
  const local = `$${name.replaceAll(/\W/g, '_')}`;
  const exported = RESERVED.has(name) ? name : JSON.stringify(name);
  const renamed = declaration.replace(
    /^(const|function) \w+/,
    (_, kind: string) => `${kind} ${local}`,
  );
  return `declare ${renamed}\nexport { ${local} as ${exported} };\n`;
}
