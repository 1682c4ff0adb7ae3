import { styleText } from 'node:util';
import type { LogLine } from '../client/log.ts';
import { excerptOf } from './excerpt.ts';
import type { SourceFinder } from './find.ts';
import { parsePlace, placeOfFrame, type Place } from './place.ts';
import { printable } from '../ui/printable.ts';

const LEVEL_WIDTH = 5;
const INDENT = '    ';
/** Of a message's own excerpt, below a frame. */
const DEEPER = `${INDENT}  `;

type Style = Parameters<typeof styleText>[0];

const LEVEL_STYLES: ReadonlyMap<string, Style> = new Map([
  ['error', 'red'],
  ['warn', 'yellow'],
  ['info', 'cyan'],
  ['debug', 'dim'],
]);

export interface LogPrinterOptions {
  colors?: boolean;
  /** Of which levels source lines are shown; none: of all. */
  sourceLevels?: readonly string[];
}

/** Lines of FUNCTION LOG for people: local time, level, function, place, message, source. */
export class LogPrinter {
  private shown: string | undefined;
  private readonly colors: boolean;

  constructor(
    private readonly finder: SourceFinder,
    private readonly options: LogPrinterOptions = {},
  ) {
    this.colors = options.colors === true;
  }

  /** The line, with what belongs below it. */
  format(line: LogLine): string {
    const [first = '', ...rest] = printable(line.message).split('\n');
    const level = line.level.padEnd(LEVEL_WIDTH);
    const head = [
      this.style('dim', localTime(line.time)),
      this.style(LEVEL_STYLES.get(line.level), printable(level)),
      this.style('bold', printable(line.function)),
      this.style('dim', printable(line.place)),
      this.style(line.level === 'error' ? 'red' : undefined, first),
    ]
      .filter((part) => part !== '')
      .join('  ');
    return [head, ...this.below(line, rest)].join('\n');
  }

  /** The rest of a message, which may be a stack, and the source of where it is from. */
  private below(line: LogLine, rest: readonly string[]): string[] {
    const isWanted = this.options.sourceLevels?.includes(line.level) ?? true;
    let excerpt: string | undefined;
    const lines: string[] = [];
    for (const each of rest) {
      const place = placeOfFrame(each);
      lines.push(place ? INDENT + this.style('dim', each.trim()) : INDENT + each);
      if (place === undefined || !isWanted || excerpt !== undefined) continue;
      // Of a stack it is the innermost frame whose file is at hand.
      excerpt = this.excerpt(place, DEEPER);
      if (excerpt !== undefined && excerpt !== this.shown) lines.push(excerpt);
    }
    const place = parsePlace(line.place);
    if (excerpt === undefined && isWanted && place !== undefined) {
      excerpt = this.excerpt(place, INDENT);
      // A loop that logs does so from one place.
      if (excerpt !== undefined && excerpt !== this.shown) lines.unshift(excerpt);
    }
    this.shown = excerpt;
    return lines;
  }

  private excerpt(place: Place, indent: string): string | undefined {
    return excerptOf(place, this.finder, { colors: this.colors, indent });
  }

  private style(style: Style | undefined, text: string): string {
    return this.colors && style !== undefined && text !== '' ? styleText(style, text) : text;
  }
}

/** `12:03:10.123`, and the day before it where that is another one. */
export function localTime(time: number, now: Date = new Date()): string {
  const at = new Date(time);
  const two = (value: number): string => String(value).padStart(2, '0');
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':');
  const text = `${clock}.${String(at.getMilliseconds()).padStart(3, '0')}`;
  if (at.toDateString() === now.toDateString()) return text;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${text}`;
}
