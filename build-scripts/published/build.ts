import { Command } from 'commander';
import { runInForeground } from '../system/foreground.ts';
import { buildProgram, REPOSITORY_OPTION, type PlaceOptions } from './places.ts';

/** `shredder build` without a checkout around it. */
export function buildCommand(): Command {
  return new Command('build')
    .usage("[options] [options of the checkout's build...]")
    .argument('[flags...]')
    .allowUnknownOption()
    .option(...REPOSITORY_OPTION)
    .addHelpText('after', '\nExample:\n  shredder build --repository ../shredder')
    .action(async (flags: string[], options: PlaceOptions) => {
      const { file, args } = await buildProgram(options);
      process.exitCode = await runInForeground(file, [...args, ...flags]);
    });
}
