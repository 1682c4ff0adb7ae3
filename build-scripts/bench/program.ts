import { execa } from 'execa';
import { UserError } from '../errors.ts';

/** What a suite of the microbenchmark program printed. */
export interface ProgramResult<Row> {
  v8: string;
  rows: Row[];
}

const MAX_ROWS = 10_000;

/** Runs a suite of the microbenchmark program; its progress goes to standard error. */
export async function runProgram<Row>(
  binary: string,
  args: readonly string[],
  parseRow: (row: RowReader) => Row,
): Promise<ProgramResult<Row>> {
  const result = await execa(binary, args, { stdin: 'ignore', stderr: 'inherit', reject: false });
  if (result.exitCode !== 0) {
    throw new UserError(`${binary} ended with ${result.exitCode ?? result.signal ?? 'an error'}`);
  }
  return parseProgramResult(result.stdout, parseRow);
}

/** Reads the program's JSON, which must be exactly of its form. */
export function parseProgramResult<Row>(
  text: string,
  parseRow: (row: RowReader) => Row,
): ProgramResult<Row> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new UserError('the bench program printed no JSON');
  }
  const { v8, rows } = (parsed ?? {}) as { v8?: unknown; rows?: unknown };
  if (typeof v8 !== 'string' || !Array.isArray(rows) || rows.length > MAX_ROWS) {
    throw new UserError('the bench program printed JSON of another form');
  }
  return { v8, rows: rows.map((row) => parseRow(new RowReader(row))) };
}

/** A row's fields, each checked as it is read. */
export class RowReader {
  private readonly row: Record<string, unknown>;

  constructor(value: unknown) {
    this.row = (value ?? {}) as Record<string, unknown>;
  }

  number(name: string): number {
    const field = this.row[name];
    if (typeof field === 'number' && Number.isFinite(field)) return field;
    throw new UserError(`the bench program printed a row whose ${name} is no number`);
  }

  optionalNumber(name: string): number | undefined {
    return this.row[name] === undefined ? undefined : this.number(name);
  }

  text(name: string): string {
    const field = this.row[name];
    if (typeof field === 'string') return field;
    throw new UserError(`the bench program printed a row whose ${name} is no text`);
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T {
    const field = this.text(name);
    const found = values.find((value) => value === field);
    if (found !== undefined) return found;
    throw new UserError(`the bench program printed a row whose ${name} is ${field}`);
  }
}
