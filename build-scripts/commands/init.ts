import path from 'node:path';
import { Command, Option } from 'commander';
import { MODULE_TYPES, type ModuleType } from '../init/manifest.ts';
import { writeProject } from '../init/project.ts';
import { specifiersFor } from '../init/specifiers.ts';
import { quoteForShell } from '../system/shell.ts';

interface InitOptions {
  type?: ModuleType;
  from?: string;
  force?: boolean;
}

/** `shredder init`: a project in a folder of one's own. */
export function initCommand(): Command {
  return new Command('init')
    .argument('[folder]', 'where it goes; a package.json that is there is added to', '.')
    .addOption(
      new Option(
        '--type <type>',
        "what Node takes its modules for (default: as the package.json there is, else 'module')",
      ).choices(MODULE_TYPES),
    )
    .option('--from <folder>', 'has tarballs of the packages, as `shredder pack` makes them')
    .option('--force', 'replace files that are there')
    .addHelpText('after', '\nExample:\n  shredder init shop && cd shop && npm install && npm test')
    .action(async (folder: string, { type, from, force = false }: InitOptions) => {
      const root = path.resolve(folder);
      const specifiers = await specifiersFor(root, from);
      const { files, keptScripts } = await writeProject(root, { type, specifiers, force });
      const lines = files.map((file) => path.relative(process.cwd(), path.join(root, file)));
      if (keptScripts.length > 0) {
        lines.push('', `package.json keeps its own scripts: ${keptScripts.join(', ')}`);
      }
      const enter = root === process.cwd() ? '' : `cd ${quoteForShell(folder)} && `;
      lines.push('', `Next: ${enter}npm install && npm test`);
      process.stdout.write(`${lines.join('\n')}\n`);
    });
}
