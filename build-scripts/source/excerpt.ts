import { readFileSync } from 'node:fs';
import path from 'node:path';
import { styleText } from 'node:util';
import { printable } from '../ui/printable.ts';
import type { SourceFinder } from './find.ts';
import type { Place } from './place.ts';

const MAX_FILE_BYTES = 4 * 1024 * 1024;
/** What is shown of a line; one that is longer is cut around its column. */
const MAX_WIDTH = 120;

/**
 * The line of a source that a place names, with a caret below its column:
 *
 *     12 |   throw new RangeError('there are too many');
 *        |         ^
 *
 * with the file's path above where that is another than the place's.
 *
 * @returns undefined where the file is not at hand, or has no such line.
 */
export function excerptOf(
  place: Place,
  finder: SourceFinder,
  { colors = false, indent = '' }: { colors?: boolean; indent?: string } = {},
): string | undefined {
  const file = finder.find(place.file);
  const line = file && readLine(file, place.line);
  if (file === undefined || line === undefined || place.column > line.length + 1) return undefined;
  const { text, column } = cut(line, place.column - 1);
  const dim = (part: string): string => (colors ? styleText('dim', part) : part);
  const caret = colors ? styleText('red', '^') : '^';
  const number = String(place.line);
  // Tabs stay, so that the caret is below its column however wide they are.
  const blank = text.slice(0, column).replaceAll(/[^\t]/g, ' ');
  const shown = path.relative(process.cwd(), file);
  const where =
    shown === place.file ? [] : [dim(`${printable(shown)}:${place.line}:${place.column}`)];
  return [
    ...where,
    `${dim(`${number} |`)} ${text}`.trimEnd(),
    `${dim(`${' '.repeat(number.length)} |`)} ${blank}${caret}`,
  ]
    .map((each) => indent + each)
    .join('\n');
}

function readLine(file: string, line: number): string | undefined {
  try {
    const text = readFileSync(file);
    if (text.length > MAX_FILE_BYTES) return undefined;
    return text.toString('utf8').split(/\r?\n/)[line - 1];
  } catch {
    // It has gone meanwhile, or is not to be read.
    return undefined;
  }
}

function cut(line: string, column: number): { text: string; column: number } {
  const start = line.length <= MAX_WIDTH ? 0 : Math.max(0, column - MAX_WIDTH / 2);
  const text = printable(line.slice(start, start + MAX_WIDTH));
  const before = printable(line.slice(start, column));
  return { text, column: before.length };
}
