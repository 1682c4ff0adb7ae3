// Code in the pages of docs/.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { CHECKOUT } from './command_line.ts';

/** A fenced block. */
export interface CodeBlock {
  /** As the fence says it: `ts`, `sh`. */
  language: string;
  /** Whether what is around it is left out: the fence says `ts fragment`. */
  isFragment: boolean;
  code: string;
}

/** The fenced blocks of a page, in their order. */
export async function codeBlocks(page: string): Promise<CodeBlock[]> {
  const text = await readFile(path.join(CHECKOUT, 'docs', page), 'utf8');
  const blocks = text.matchAll(/^```(\w+)( fragment)?\n(.*?)^```$/gms);
  return [...blocks].map(([, language = '', fragment, code = '']) => {
    return { language, isFragment: fragment !== undefined, code };
  });
}
