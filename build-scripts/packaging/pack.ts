import { packCli } from './pack_cli.ts';
import { packFunctions } from './pack_functions.ts';

/**
 * Makes the tarballs of all packages that others install.
 *
 * @param repository The checkout.
 * @param out The folder they go into.
 * @returns their paths.
 */
export async function packAll(repository: string, out: string): Promise<string[]> {
  return [await packFunctions(repository, out), await packCli(repository, out)];
}
