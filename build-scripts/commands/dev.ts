import path from 'node:path';
import { Command } from 'commander';
import { endpointOf } from '../client/connection.ts';
import { withEndpointOptions, type EndpointOptions } from '../client/options.ts';
import { UserError } from '../errors.ts';
import { libraryNameOf } from '../functions/library_name.ts';
import { requireFile, requireSource } from '../functions/source_file.ts';
import { isWasmSource } from '../functions/wasm_library.ts';
import { untilInterrupted } from '../ui/interruption.ts';

/** `shredder dev FILE...`: libraries in the store as their files are, from change to change. */
export function devCommand(): Command {
  return withEndpointOptions(new Command('dev'))
    .description('deploy libraries whenever they change, and show what they log')
    .argument(
      '<files...>',
      'as of deploy: an ES module each, or WebAssembly from .as.ts, .c or .wasm',
    )
    .option('--name <library>', "the library's name, where it is one (default: the file's)")
    .addHelpText(
      'after',
      `
Deploys, watches every file that goes into the libraries, checks and deploys again, and shows the
tenant's log with source lines. It goes on after errors, and where the server is not there yet or starts
again. Ctrl-C ends it; the libraries stay loaded.

Example:
  shredder dev src/cart.ts src/stock.ts`,
    )
    .action(async (files: string[], options: EndpointOptions & { name?: string }) => {
      const endpoint = endpointOf(options);
      const libraries = await librariesOf(files, options.name);
      const { DevSession } = await import('../dev/session.ts');
      const { Reporter } = await import('../dev/reporter.ts');
      const { SourceFinder } = await import('../source/find.ts');
      const folders = [...new Set(libraries.map(({ file }) => path.dirname(file)))];
      const reporter = new Reporter(endpoint, new SourceFinder(folders));
      await untilInterrupted(async (signal) => {
        reporter.watching(libraries.map(({ name }) => name));
        await new DevSession(endpoint, libraries, reporter).run(signal);
      });
    });
}

async function librariesOf(
  files: readonly string[],
  name: string | undefined,
): Promise<{ file: string; name: string }[]> {
  if (name !== undefined && files.length > 1) {
    throw new UserError(
      `--name ${name} is the name of one library, and there are ${files.length}`,
      'Run a shredder dev for each, or name the files as the libraries.',
    );
  }
  const libraries: { file: string; name: string }[] = [];
  for (const each of files) {
    const file = await (isWasmSource(each) ? requireFile(each) : requireSource(each));
    const library = libraryNameOf(file, name);
    const other = libraries.find((known) => known.name === library);
    if (other?.file === file) continue;
    if (other !== undefined) {
      throw new UserError(
        `${each} and ${path.relative(process.cwd(), other.file)} are both library ${library}`,
        'Rename one of the files.',
      );
    }
    libraries.push({ file, name: library });
  }
  return libraries;
}
