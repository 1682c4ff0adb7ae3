import { Command, CommanderError } from 'commander';
import { benchCommand } from './commands/bench.ts';
import { buildCommand } from './commands/build.ts';
import { callCommand } from './commands/call.ts';
import { cleanCommand } from './commands/clean.ts';
import { demoCommand } from './commands/demo.ts';
import { deployCommand } from './commands/deploy.ts';
import { devCommand } from './commands/dev.ts';
import { doctorCommand } from './commands/doctor.ts';
import { functionsCommand } from './commands/functions.ts';
import { globalsCommand } from './commands/globals.ts';
import { logsCommand } from './commands/logs.ts';
import { packCommand } from './commands/pack.ts';
import { patchesCommand } from './commands/patches.ts';
import { serveCommand } from './commands/serve.ts';
import { styleCommand } from './commands/style.ts';
import { tenantCommand } from './commands/tenant.ts';
import { testCommand } from './commands/test.ts';
import { tidyCommand } from './commands/tidy.ts';
import { describeFailure } from './ui/failure.ts';

/** Every subcommand, one line each. */
const commands: readonly (() => Command)[] = [
  buildCommand,
  serveCommand,
  deployCommand,
  devCommand,
  callCommand,
  functionsCommand,
  logsCommand,
  tenantCommand,
  demoCommand,
  benchCommand,
  globalsCommand,
  packCommand,
  patchesCommand,
  testCommand,
  styleCommand,
  tidyCommand,
  doctorCommand,
  cleanCommand,
];

/**
 * Runs the program.
 *
 * @returns its exit code.
 */
export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('shredder')
    .description("Builds Shredder's patched V8 and its runtime, and uses them.")
    .exitOverride()
    .showHelpAfterError();
  for (const create of commands) program.addCommand(inheritExit(create(), program));
  try {
    await program.parseAsync(argv);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // Commander has printed its own complaint, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode;
    process.stderr.write(`${describeFailure(error)}\n`);
    return 1;
  }
}

function inheritExit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inheritExit(child as Command, command);
  return command;
}
