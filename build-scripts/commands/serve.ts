import path from 'node:path';
import { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { ensureRuntime } from '../runtime/build.ts';
import { runInForeground } from '../system/foreground.ts';
import { Steps } from '../ui/steps.ts';

/** `shredder serve`: the server in the foreground; every flag but --help is shredderd's own. */
export function serveCommand(): Command {
  return new Command('serve')
    .usage('[flags of shredderd...]')
    .argument('[flags...]')
    .allowUnknownOption()
    .addHelpText(
      'after',
      `
Flags of shredderd, among others:
  --config <file>     TOML file of the server and its tenants (default: one tenant, \`default\`,
                      without a password, on the loopback)
  --bind <address>    address to listen on (default: 127.0.0.1)
  --port <number>     port to listen on, 0 for any free one (default: 7379)
  --shards <n>        processes that serve, 0 for everything in one (default: one a core)
  --deadline-ms <n>   CPU time that an invocation may take (default: 50)
  --wall-deadline-ms <n>
                      wall time that it may take (default: 20 times its CPU time)
  --enable-callbacks  give functions DBGet and the other C++ callbacks, to compare with

Example:
  shredder serve --port 7379`,
    )
    .action(async (flags: string[]) => {
      const { binDir } = await ensureRuntime(loadConfig(), new Steps());
      process.exitCode = await runInForeground(path.join(binDir, 'shredderd'), flags);
    });
}
