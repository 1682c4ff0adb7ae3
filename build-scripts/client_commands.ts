import type { CommandEntry } from './program.ts';

/**
 * The subcommands that authors and operators need and that build nothing: the package `shredder-cli`
 * has these (see published/), and nothing of what others import.
 */
export const CLIENT_COMMANDS: readonly CommandEntry[] = [
  {
    name: 'init',
    description: "begin a project in a folder of one's own: a library, its tests, their types",
    load: async () => (await import('./commands/init.ts')).initCommand(),
  },
  {
    name: 'deploy',
    description:
      'check and compile a library, in TypeScript or for WebAssembly, and load it for a tenant',
    load: async () => (await import('./commands/deploy.ts')).deployCommand(),
  },
  {
    name: 'dev',
    description: 'deploy TypeScript libraries whenever they change, and show what they log',
    load: async () => (await import('./commands/dev.ts')).devCommand(),
  },
  {
    name: 'functions',
    description: "list the tenant's libraries and their functions",
    load: async () => (await import('./commands/functions.ts')).functionsCommand(),
  },
  {
    name: 'logs',
    description: "print what the tenant's functions have logged",
    load: async () => (await import('./commands/logs.ts')).logsCommand(),
  },
  {
    name: 'call',
    description: 'call a function and print its reply',
    load: async () => (await import('./commands/call.ts')).callCommand(),
  },
  {
    name: 'types',
    description: 'print a .d.ts of the functions that are loaded, for typed clients',
    load: async () => (await import('./commands/types.ts')).typesCommand(),
  },
  {
    name: 'debug',
    description: "let Chrome's or VS Code's debugger see and stop the tenant's functions",
    load: async () => (await import('./commands/debug.ts')).debugCommand(),
  },
  {
    name: 'profile',
    description: 'call a function again and again, and write a CPU profile and a flame graph',
    load: async () => (await import('./commands/profile.ts')).profileCommand(),
  },
  {
    name: 'tenant',
    description: 'make, change, show, move and drop tenants, as an administrator',
    load: async () => (await import('./commands/tenant.ts')).tenantCommand(),
  },
];
