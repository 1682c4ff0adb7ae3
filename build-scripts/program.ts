import { Command, CommanderError } from 'commander';
import { hasCode } from './errors.ts';
import { describeFailure } from './ui/failure.ts';

/** A subcommand whose module is loaded when it is named, and not before: some take seconds to load. */
export interface CommandEntry {
  name: string;
  description: string;
  load: () => Promise<Command>;
}

/**
 * Runs a program of subcommands.
 *
 * @param argv As `process.argv` has it.
 * @returns the exit code.
 */
export async function runProgram(
  description: string,
  entries: readonly CommandEntry[],
  argv: readonly string[],
): Promise<number> {
  for (const stream of [process.stdout, process.stderr]) {
    stream.off('error', ignoreGoneReader).on('error', ignoreGoneReader);
  }
  try {
    const program = new Command('shredder')
      .description(description)
      .exitOverride()
      .showHelpAfterError();
    const named = namedCommand(argv.slice(2));
    for (const entry of entries) {
      // Of the others the program's help and its suggestions have to know no more than this.
      const command = entry.name === named ? await entry.load() : new Command(entry.name);
      program.addCommand(inheritExit(command.description(entry.description), program));
    }
    await program.parseAsync(argv);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // Commander has printed its own complaint, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode;
    process.stderr.write(`${describeFailure(error)}\n`);
    return 1;
  }
}

/** Who reads the output may have seen enough, as `head` does: the rest is for nobody. */
function ignoreGoneReader(error: Error): void {
  if (!hasCode(error, 'EPIPE')) throw error;
}

/** The word that commander takes for the subcommand's name, where there is one. */
function namedCommand(args: readonly string[]): string | undefined {
  const [first, second] = args.filter((each) => !each.startsWith('-'));
  return first === 'help' ? second : first;
}

function inheritExit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inheritExit(child as Command, command);
  return command;
}
