import { Command } from 'commander';
import { endpointOf, withClient } from '../client/connection.ts';
import { withEndpointOptions, type EndpointOptions } from '../client/options.ts';
import { UserError } from '../errors.ts';
import { describeFunctions } from '../functions/describe.ts';
import { listLibraries } from '../functions/load.ts';

/** `shredder functions`: what a tenant has loaded. */
export function functionsCommand(): Command {
  return withEndpointOptions(new Command('functions'))
    .description("list the tenant's libraries and their functions")
    .argument('[library]', 'this one alone; a pattern as of KEYS may match several')
    .option('--json', 'print JSON: [{"name", "functions": [{"name", "description", "flags"}]}]')
    .addHelpText('after', '\nExample:\n  shredder functions --json | jq -r ".[].functions[].name"')
    .action(async (pattern: string | undefined, options: EndpointOptions & { json?: boolean }) => {
      const endpoint = endpointOf(options);
      const libraries = await withClient(endpoint, (client) => listLibraries(client, pattern));
      if (libraries.length === 0 && pattern !== undefined) {
        throw new UserError(
          `tenant ${endpoint.tenant} has no library ${JSON.stringify(pattern)}`,
          'shredder functions lists what it has.',
        );
      }
      if (options.json === true) {
        process.stdout.write(`${JSON.stringify(libraries)}\n`);
      } else if (libraries.length === 0) {
        process.stderr.write(`tenant ${endpoint.tenant} has no library: shredder deploy FILE.ts\n`);
      }
      if (options.json === true) return;
      for (const { name, functions } of libraries) {
        process.stdout.write(`${[name, ...describeFunctions(functions)].join('\n')}\n`);
      }
    });
}
