import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** The first line that a program prints, which goes on. */
export async function firstLine(output: Readable): Promise<string> {
  const [line] = (await once(createInterface(output), 'line')) as [string];
  return line;
}
