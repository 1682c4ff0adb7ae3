// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text that others wrote, for a terminal, which would obey its control characters: all but line breaks
 * and tabs as `\x1b`.
 */
export function printable(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replaceAll(CONTROLS, (each) =>
      each < '\u0100'
        ? `\\x${each.charCodeAt(0).toString(16).padStart(2, '0')}`
        : `\\u${each.charCodeAt(0).toString(16)}`,
    );
}
