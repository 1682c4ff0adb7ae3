import { Command } from 'commander';
import { endpointOf, withClient } from '../client/connection.ts';
import { withEndpointOptions, type EndpointOptions } from '../client/options.ts';
import { describeLoaded } from '../functions/describe.ts';
import { libraryNameOf } from '../functions/library_name.ts';
import { listFunctions, loadLibrary } from '../functions/load.ts';
import { requireFile, requireSource } from '../functions/source_file.ts';
import { isWasmSource, wasmLibrary } from '../functions/wasm_library.ts';

interface DeployOptions extends EndpointOptions {
  name?: string;
  replace: boolean;
}

/** `shredder deploy FILE`: a library, from its source into the store. */
export function deployCommand(): Command {
  return withEndpointOptions(new Command('deploy'))
    .argument(
      '<file>',
      'an ES module, or WebAssembly from .as.ts (AssemblyScript), .c or .wasm; the functions that it exports become those of the library',
    )
    .option('--name <library>', "the library's name (default: the file's)")
    .option('--no-replace', 'fail where the tenant has a library of that name')
    .addHelpText(
      'after',
      '\nExample:\n  shredder deploy ts-functions/examples/graph.ts --tenant default',
    )
    .action(async (file: string, options: DeployOptions) => {
      const endpoint = endpointOf(options);
      const isWasm = isWasmSource(file);
      const source = await (isWasm ? requireFile(file) : requireSource(file));
      const library = libraryNameOf(source, options.name);
      const code = isWasm
        ? await wasmLibrary(source, library, process.stderr)
        : await moduleLibrary(source, library);
      const functions = await withClient(endpoint, async (client) => {
        await loadLibrary(client, code, options.replace);
        return listFunctions(client, library);
      });
      process.stdout.write(`${describeLoaded(library, endpoint.tenant, code, functions)}\n`);
    });
}

/** A library in TypeScript, checked and bundled. */
async function moduleLibrary(source: string, library: string): Promise<string> {
  // The compiler takes longer to load than any other command to run.
  const { bundleLibrary, startBundler } = await import('../functions/bundle.ts');
  startBundler();
  const { openProject } = await import('../functions/project.ts');
  const { requireTypeCheck } = await import('../functions/typecheck.ts');
  const project = openProject(source);
  requireTypeCheck(project, process.stderr);
  return bundleLibrary(project, library);
}
