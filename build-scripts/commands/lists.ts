// Options whose value is a list.
import { UserError } from '../errors.ts';

/** Reads a list of whole numbers, each a multiple of the least, separated by commas. */
export function sizeList(least: number, most: number): (text: string) => number[] {
  return (text) =>
    text.split(',').map((part) => {
      const size = Number(part);
      if (/^\d+$/.test(part) && size >= least && size <= most && size % least === 0) return size;
      throw new UserError(
        least === 1
          ? `--sizes has ${JSON.stringify(part)}, which is no whole number from 1 to ${most}`
          : `--sizes has ${JSON.stringify(part)}, which is no multiple of ${least} up to ${most}`,
        'Write numbers with commas between, such as 64,1048576.',
      );
    });
}

/** Reads names, separated by commas. */
export function nameList(text: string): string[] {
  return text.split(',');
}

/** Reads a list of known names, separated by commas. */
export function listOf<T extends string>(
  option: string,
  known: readonly T[],
): (text: string) => T[] {
  return (text) =>
    nameList(text).map((part) => {
      const found = known.find((name) => name === part);
      if (found !== undefined) return found;
      throw new UserError(
        `${option} has ${JSON.stringify(part)}, which is none`,
        `Known: ${known.join(', ')}.`,
      );
    });
}
