/** Where something is in a source: `cart.ts:12:9`, both counted from 1. */
export interface Place {
  /** As a library's source map has it: relative to the folder of the library's file. */
  file: string;
  line: number;
  column: number;
}

const PLACE = String.raw`([^\s():][^\n():]*\.[cm]?[jt]sx?):(\d+):(\d+)`;
const WHOLE = new RegExp(`^${PLACE}$`);
/** The end of an error's line, as the server has it. */
const AT_END = new RegExp(` at ${PLACE}$`);
/** A line of a stack: `at name (cart.ts:12:9)` or `at cart.ts:12:9`. */
const FRAME = new RegExp(String.raw`^\s*at (?:.*\(${PLACE}\)|${PLACE})$`);

/** What the text itself says. */
export function parsePlace(text: string): Place | undefined {
  return toPlace(WHOLE.exec(text));
}

/** Where an error happened, by its message. */
export function placeOfError(message: string): Place | undefined {
  return toPlace(AT_END.exec(message));
}

/** Where a line of a stack is. */
export function placeOfFrame(line: string): Place | undefined {
  return toPlace(FRAME.exec(line));
}

function toPlace(match: RegExpExecArray | null): Place | undefined {
  const [file, line, column] = match?.slice(1).filter((each) => each !== undefined) ?? [];
  if (file === undefined) return undefined;
  return { file, line: Number(line), column: Number(column) };
}
