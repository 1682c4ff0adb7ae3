import { CLIENT_COMMANDS } from './client_commands.ts';
import { runProgram, type CommandEntry } from './program.ts';

/** Every subcommand of a checkout's program. */
const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'build',
    description: 'fetch, patch and build V8, then build the runtime; redoes only what changed',
    load: async () => (await import('./commands/build.ts')).buildCommand(),
  },
  {
    name: 'serve',
    description: 'build what is needed and run the server in the foreground',
    load: async () => (await import('./commands/serve.ts')).serveCommand(),
  },
  ...CLIENT_COMMANDS,
  {
    name: 'demo',
    description: 'build everything, and run functions over a real graph inside the store',
    load: async () => (await import('./commands/demo.ts')).demoCommand(),
  },
  {
    name: 'bench',
    description:
      'measure builtins, graph traversals, throughput and library beside Redis, typed calls, many tenants, the paper',
    load: async () => (await import('./commands/bench.ts')).benchCommand(),
  },
  {
    name: 'globals',
    description: "write down the runtime's globals, which type checks and the test double go by",
    load: async () => (await import('./commands/globals.ts')).globalsCommand(),
  },
  {
    name: 'pack',
    description: 'make the tarballs of the npm packages shredder-functions and shredder-cli',
    load: async () => (await import('./commands/pack.ts')).packCommand(),
  },
  {
    name: 'patches',
    description: 'edit the patch series on V8 and lwIP as commits',
    load: async () => (await import('./commands/patches.ts')).patchesCommand(),
  },
  {
    name: 'test',
    description: 'check style, types and patches, build what is missing, run all tests',
    load: async () => (await import('./commands/test.ts')).testCommand(),
  },
  {
    name: 'style',
    description: "check the format of all C++ and TypeScript, and TypeScript's lint",
    load: async () => (await import('./commands/style.ts')).styleCommand(),
  },
  {
    name: 'tidy',
    description: 'look through C++ with clang-tidy, as .clang-tidy says; takes minutes',
    load: async () => (await import('./commands/tidy.ts')).tidyCommand(),
  },
  {
    name: 'doctor',
    description: 'check what this machine has for building and running; exits with 1 on a failure',
    load: async () => (await import('./commands/doctor.ts')).doctorCommand(),
  },
  {
    name: 'clean',
    description: 'remove build trees and results from the cache; downloads and sources stay',
    load: async () => (await import('./commands/clean.ts')).cleanCommand(),
  },
];

/**
 * Runs the program.
 *
 * @returns its exit code.
 */
export function main(argv: readonly string[]): Promise<number> {
  return runProgram("Builds Shredder's patched V8 and its runtime, and uses them.", COMMANDS, argv);
}
