import { Command } from 'commander';
import { runInForeground } from '../system/foreground.ts';
import { PREBUILT_OPTION, REPOSITORY_OPTION, serverProgram, type PlaceOptions } from './places.ts';

/** `shredder serve` without a checkout around it. */
export function serveCommand(): Command {
  return new Command('serve')
    .usage('[options] [flags of shredderd...]')
    .argument('[flags...]')
    .allowUnknownOption()
    .option(...PREBUILT_OPTION)
    .option(...REPOSITORY_OPTION)
    .addHelpText('after', '\nExample:\n  shredder serve --repository ../shredder --port 7379')
    .action(async (flags: string[], options: PlaceOptions) => {
      const { file, args } = await serverProgram(options);
      process.exitCode = await runInForeground(file, [...args, ...flags]);
    });
}
