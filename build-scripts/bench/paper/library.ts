import { fileURLToPath } from 'node:url';
import type { Request } from './load_generator.ts';

const FUNCTIONS = fileURLToPath(new URL('functions.ts', import.meta.url));

/** The request that loads functions.ts. */
export async function libraryRequest(): Promise<Request> {
  // Loaded here: the compiler takes longer to load than most commands to run.
  const { bundleLibrary } = await import('../../functions/bundle.ts');
  return ['FUNCTION', 'LOAD', await bundleLibrary(FUNCTIONS, 'paper')];
}
