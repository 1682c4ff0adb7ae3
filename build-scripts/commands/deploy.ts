import { stat } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { endpointOf, withClient } from '../client/connection.ts';
import { withEndpointOptions, type EndpointOptions } from '../client/options.ts';
import { hasCode, UserError } from '../errors.ts';
import { libraryNameOf } from '../functions/library_name.ts';
import { listFunctions, loadLibrary, type FunctionSummary } from '../functions/load.ts';

interface DeployOptions extends EndpointOptions {
  name?: string;
  replace: boolean;
}

const SOURCE_EXTENSIONS = ['.ts', '.mts', '.cts', '.tsx'];

/** `shredder deploy FILE.ts`: a library, from TypeScript into the store. */
export function deployCommand(): Command {
  return withEndpointOptions(new Command('deploy'))
    .argument('<file>', 'an ES module; its exported functions become the functions of the library')
    .option('--name <library>', "the library's name (default: the file's)")
    .option('--no-replace', 'fail where the tenant has a library of that name')
    .addHelpText(
      'after',
      '\nExample:\n  shredder deploy ts-functions/examples/graph.ts --tenant default',
    )
    .action(async (file: string, options: DeployOptions) => {
      const endpoint = endpointOf(options);
      const source = await requireSource(file);
      const library = libraryNameOf(source, options.name);
      // The compiler takes longer to load than any other command to run.
      const { openProject } = await import('../functions/project.ts');
      const { requireTypeCheck } = await import('../functions/typecheck.ts');
      const { bundleLibrary } = await import('../functions/bundle.ts');
      const project = openProject(source);
      requireTypeCheck(project, process.stderr);
      const code = await bundleLibrary(project, library);
      const functions = await withClient(endpoint, async (client) => {
        await loadLibrary(client, code, options.replace);
        return listFunctions(client, library);
      });
      process.stdout.write(`${describe(library, endpoint.tenant, code, functions)}\n`);
    });
}

async function requireSource(file: string): Promise<string> {
  const source = path.resolve(file);
  if (!SOURCE_EXTENSIONS.includes(path.extname(source))) {
    throw new UserError(
      `${file} is no TypeScript module`,
      `Name a file that ends in ${SOURCE_EXTENSIONS.join(', ')}.`,
    );
  }
  try {
    if (!(await stat(source)).isFile()) throw new UserError(`${file} is no file`);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) throw new UserError(`${file} does not exist`);
    throw error;
  }
  return source;
}

function describe(
  library: string,
  tenant: string,
  code: string,
  functions: readonly FunctionSummary[],
): string {
  const kib = (Buffer.byteLength(code) / 1024).toFixed(1);
  const width = Math.max(...functions.map(({ name }) => name.length));
  const lines = functions.map(({ name, flags, description }) =>
    [`  ${name.padEnd(width)}`, description, flags.length > 0 ? `[${flags.join(', ')}]` : '']
      .filter((part) => part !== '')
      .join('  ')
      .trimEnd(),
  );
  return [`${library} for tenant ${tenant} (${kib} KiB)`, ...lines].join('\n');
}
