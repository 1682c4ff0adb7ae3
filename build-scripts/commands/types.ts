import { Command } from 'commander';
import { endpointOf, withClient } from '../client/connection.ts';
import { withEndpointOptions, type EndpointOptions } from '../client/options.ts';
import { listCode, type LibraryCode } from '../functions/load.ts';

/** `shredder types`: what a tenant's functions take and give, for who has not their sources. */
export function typesCommand(): Command {
  return withEndpointOptions(new Command('types'))
    .description('print a .d.ts of the functions that are loaded, for typed clients')
    .argument('[libraries...]', 'those of these libraries alone')
    .addHelpText(
      'after',
      "\nExample:\n  shredder types > store.d.ts\n  // client<typeof import('./store.d.ts')>(redis)",
    )
    .action(async (names: string[], options: EndpointOptions) => {
      const endpoint = endpointOf(options);
      const libraries = await withClient(endpoint, (client) => listCode(client, names));
      process.stdout.write(await declarationFile(libraries));
    });
}

async function declarationFile(libraries: readonly LibraryCode[]): Promise<string> {
  const { declarationsIn, exportDeclaration } = await import('../functions/declared.ts');
  const parts = libraries.map(({ name, code, functions }) => {
    const declared = declarationsIn(code);
    const lines = functions.map((each) => {
      const comment = each.description.replaceAll('*/', '* /').replaceAll(/\s+/g, ' ').trim();
      const declaration =
        declared.get(each.name) ??
        `function ${each.name}(keys: string[], args: string[]): unknown;`;
      return `${comment === '' ? '' : `/** ${comment} */\n`}${exportDeclaration(each.name, declaration)}`;
    });
    return `\n// ${name}\n\n${lines.join('')}`;
  });
  const text = parts.join('');
  const needed = text.includes(': DefinedFunction<')
    ? "import type { DefinedFunction } from 'shredder-functions';\n"
    : '';
  return `${needed}${text === '' ? 'export {};\n' : text}`.replace(/^\n/, '');
}
