import { UserError } from '../errors.ts';
import { placesInSources } from './stack.ts';

/** What to print for an error that ends a command. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return `shredder: ${String(error)}`;
  const remedy = remedyFor(error);
  // A mistake of the program's own is for its authors: they want to know where it happened.
  const isExpected = error instanceof UserError || 'code' in error || remedy !== undefined;
  const message = isExpected ? error.message : placesInSources(error.stack ?? error.message);
  return `shredder: ${message}${remedy === undefined ? '' : `\n  ${remedy}`}`;
}

function remedyFor(error: Error): string | undefined {
  if (/ENOSPC|No space left on device/i.test(error.message)) {
    return 'The disk is full: make room, or name a folder on another disk in SHREDDER_CACHE.';
  }
  return error instanceof UserError ? error.remedy : undefined;
}
