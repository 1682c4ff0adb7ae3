import path from 'node:path';
import { Command, Option } from 'commander';
import { loadConfig } from '../config.ts';
import { ensureLwip } from '../lwip/build.ts';
import { ensureRuntime } from '../runtime/build.ts';
import { writeCompileCommands } from '../runtime/compile_commands.ts';
import { BUILD_PACKAGES, ensurePackages } from '../system/packages.ts';
import { Steps } from '../ui/steps.ts';
import { ensureV8 } from '../v8/build.ts';
import { withOption } from './with_option.ts';

interface BuildOptions {
  v8Source?: string;
  refreshSource?: boolean;
  v8Checks?: boolean;
  with?: string[];
  only?: 'v8' | 'lwip' | 'runtime';
  jobs?: number;
}

/** `shredder build`: V8, then the runtime around it. */
export function buildCommand(): Command {
  return new Command('build')
    .option('--v8-source <source>', 'debian, nodejs.org, or a Node.js source tree or tarball')
    .option('--refresh-source', 'look for newer sources than those used before')
    .option('--v8-checks', "the variant with V8's own checks, for `shredder test --v8-checks`")
    .addOption(withOption('the variant that has this besides; may be repeated'))
    .addOption(
      new Option('--only <part>', 'build this part alone').choices(['v8', 'lwip', 'runtime']),
    )
    .option('-j, --jobs <count>', 'parallel jobs (default: one a processor)', Number)
    .action(async (options: BuildOptions) => {
      const { only, ...overrides } = options;
      const config = loadConfig(overrides);
      const steps = new Steps();
      if (only === 'v8' || only === 'lwip') {
        await steps.run('System packages', (step) =>
          ensurePackages(BUILD_PACKAGES, step, path.join(config.cache, 'logs', 'packages.log')),
        );
      }
      if (only === 'v8') {
        const v8 = await ensureV8(config, steps);
        process.stdout.write(`${v8.folder}\n`);
        return;
      }
      if (only === 'lwip') {
        process.stdout.write(`${(await ensureLwip(config, steps)).folder}\n`);
        return;
      }
      // V8 comes first even for the runtime alone, which cannot do without; it costs nothing where
      // it is built already.
      const build = await ensureRuntime(config, steps);
      await writeCompileCommands(config, build);
      process.stdout.write(`${build.binDir}\n`);
    });
}
