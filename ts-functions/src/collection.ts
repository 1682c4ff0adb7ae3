// Where the keys of a collection are: `<name>|<tag><rest>`. A tag has two letters, which say the kind of
// collection and what the key holds of it.
//
// The name is escaped, so that the first `|` of a key always ends it: what follows, whatever it is, can
// make no key of another collection. Two kinds of collection may have the same name.
import { checkText } from './checks.ts';

const MAX_NAME_LENGTH = 1024;

/**
 * What the keys of a collection with this tag begin with.
 *
 * @throws TypeError where the name is no string, RangeError where it is longer than 1,024 characters.
 */
export function keyPrefix(name: string, tag: string): string {
  checkText(name, "a collection's name", MAX_NAME_LENGTH);
  const plain = !name.includes('|') && !name.includes('%');
  return `${plain ? name : name.replaceAll('%', '%25').replaceAll('|', '%7C')}|${tag}`;
}
