// The program of the package `shredder-cli`, as `shredder pack` makes it: what needs no checkout, and what
// runs a checkout's program.
import { CLIENT_COMMANDS } from '../client_commands.ts';
import { runProgram, type CommandEntry } from '../program.ts';

const COMMANDS: readonly CommandEntry[] = [
  ...CLIENT_COMMANDS,
  {
    name: 'serve',
    description: 'run the server in the foreground: a built one, or that of a checkout',
    load: async () => (await import('./serve.ts')).serveCommand(),
  },
  {
    name: 'build',
    description: "build the server with a checkout's program",
    load: async () => (await import('./build.ts')).buildCommand(),
  },
];

/**
 * Runs the program.
 *
 * @returns its exit code.
 */
export function main(argv: readonly string[]): Promise<number> {
  return runProgram('Deploys TypeScript functions to Shredder, and calls them.', COMMANDS, argv);
}
