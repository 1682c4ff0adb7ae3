/** Trailer that remembers, in an imported commit, which file it came from. */
export const ORIGIN_TRAILER = 'Patch-File';

/** Longest file name made of a subject, without its ending. */
const MAX_SLUG = 60;

/** A patch as its headers and message, and its diff. */
export interface PatchParts {
  message: string;
  /** From the line that ends the message on: `---`, or where there is no such line, the diff. */
  diff: string;
}

/** Splits a patch where its message ends; undefined where it has no diff. */
export function splitPatch(text: string): PatchParts | undefined {
  const at = text.search(/^(---|diff --git .*)$/m);
  return at === -1 ? undefined : { message: text.slice(0, at), diff: text.slice(at) };
}

/** Stamps a patch's message with its file of origin. */
export function addOrigin(text: string, name: string): string {
  const parts = splitPatch(text);
  if (parts === undefined) return text;
  const message = parts.message.trimEnd();
  // A block of trailers is continued, any other text is followed by a block of its own.
  const last = message.split('\n').at(-1) ?? '';
  const gap = isTrailer(last) && message.includes('\n\n') ? '\n' : '\n\n';
  return joinPatch(`${message}${gap}${ORIGIN_TRAILER}: ${name}`, parts.diff);
}

/** Takes the stamp off again; the name is undefined where there is none. */
export function removeOrigin(text: string): { text: string; name: string | undefined } {
  const parts = splitPatch(text);
  const match = new RegExp(`^${ORIGIN_TRAILER}: (.+)\n`, 'm').exec(parts?.message ?? '');
  if (parts === undefined || match === null) return { text, name: undefined };
  const message = parts.message.replace(match[0], '').trimEnd();
  return { text: joinPatch(message, parts.diff), name: match[1] };
}

/** A patch's file name, made of its subject. */
export function nameOfSubject(subject: string): string {
  const slug = subject
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[-0-9]+/g, '')
    .slice(0, MAX_SLUG)
    .replace(/-+$/, '');
  return `${slug === '' ? 'patch' : slug}.patch`;
}

/** Whether a line of a message is a trailer, such as `Signed-off-by: ...`. */
export function isTrailer(line: string): boolean {
  return /^[A-Z][A-Za-z]*(-[A-Za-z]+)+: \S|^(Refs|Fixes|Bug): \S/.test(line);
}

/** `---` follows the message at once, a diff after a blank line. */
function joinPatch(message: string, diff: string): string {
  return `${message}\n${diff.startsWith('---\n') ? '' : '\n'}${diff}`;
}
