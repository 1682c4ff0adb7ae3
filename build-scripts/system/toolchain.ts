import { capture } from './command.ts';
import { TOOLCHAIN } from '../v8/settings.ts';

/** The compiler's own description of its version, which tells packages' revisions apart. */
export async function compilerVersion(): Promise<string> {
  const text = await capture(TOOLCHAIN.cxx, ['--version']);
  return (text.split('\n')[0] ?? '').trim();
}
