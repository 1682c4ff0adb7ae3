import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hasCode, UserError } from '../errors.ts';

const RANDOM_BYTES = 24;
const MAX_PASSWORD_BYTES = 1_024;

/** A password that nobody guesses, of characters that no shell, URL or file takes for its own. */
export function randomPassword(): string {
  return randomBytes(RANDOM_BYTES).toString('hex');
}

/** The SHA-256 digest that the server keeps of a password, in hex. */
export function digestOf(password: string): string {
  return createHash('sha256').update(password).digest('hex');
}

/** The password in a file, or on standard input where its name is `-`; one newline at its end is not part of it. */
export async function readPassword(file: string): Promise<string> {
  const text = file === '-' ? await readStandardInput() : await readTextFile(file);
  const password = text.replace(/\r?\n$/, '');
  if (password === '') {
    throw new UserError(`the password in ${nameOf(file)} is empty`, 'Give a long random one.');
  }
  if (/[\r\n]/.test(password)) {
    throw new UserError(`the password in ${nameOf(file)} has more than one line`);
  }
  if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) {
    throw new UserError(
      `the password in ${nameOf(file)} is longer than ${MAX_PASSWORD_BYTES} bytes`,
    );
  }
  return password;
}

async function readTextFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) throw new UserError(`${file} does not exist`);
    throw error;
  }
}

async function readStandardInput(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) text += String(chunk);
  return text;
}

function nameOf(file: string): string {
  return file === '-' ? 'the standard input' : file;
}
