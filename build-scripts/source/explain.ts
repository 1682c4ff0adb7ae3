import { UserError } from '../errors.ts';
import { excerptOf } from './excerpt.ts';
import type { SourceFinder } from './find.ts';
import { placeOfError } from './place.ts';

/** An error of a function's, with the source line that it names below it where that is at hand. */
export function withSource(error: unknown, finder: SourceFinder, colors: boolean): unknown {
  if (!(error instanceof UserError) || error.remedy !== undefined) return error;
  const place = placeOfError(error.message);
  const excerpt = place && excerptOf(place, finder, { colors, indent: '  ' });
  // The remedy's own line is indented already.
  return excerpt === undefined ? error : new UserError(error.message, excerpt.trimStart());
}
