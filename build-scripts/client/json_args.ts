import { UserError } from '../errors.ts';

/**
 * Arguments of a call from a JSON array: texts as they are, as a function gets all of its arguments, and
 * anything else as its JSON.
 */
export function argsOfJson(text: string): string[] {
  const remedy = `Write it like --json-args '["text", {"sku": "a"}, 7]'.`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UserError(`--json-args is no JSON: ${why.replaceAll(/\s+/g, ' ')}`, remedy);
  }
  if (!Array.isArray(value)) throw new UserError('--json-args is no array', remedy);
  return value.map((each: unknown) => (typeof each === 'string' ? each : JSON.stringify(each)));
}
