import { Command, Option } from 'commander';
import { endpointOf, withClient } from '../client/connection.ts';
import { withEndpointOptions, type EndpointOptions } from '../client/options.ts';
import { randomPassword, readPassword } from '../client/password.ts';
import { EXACT_REPLIES, formatReply, replyToJson, type Reply } from '../client/reply.ts';
import {
  createTenant,
  dropTenant,
  getTenant,
  listTenants,
  moveTenant,
  setTenant,
  settingsToArgs,
  TENANT_SETTINGS,
  type TenantFilter,
  type TenantSettings,
} from '../client/tenants.ts';
import { UserError } from '../errors.ts';

/** Settings that are shown in the largest unit that holds them. */
const SIZES = new Set<string>(
  TENANT_SETTINGS.filter(({ value }) => value === '<size>').map(({ name }) => name),
);

interface JsonOptions extends EndpointOptions {
  json?: boolean;
}

interface CreateOptions extends JsonOptions, TenantSettings {
  newPasswordFile?: string;
}

interface SetOptions extends CreateOptions {
  rotatePassword?: boolean;
  replacePasswords?: boolean;
}

interface ListOptions extends JsonOptions, TenantFilter {}

interface MoveOptions extends EndpointOptions {
  shard?: string;
  own?: boolean;
}

/** `shredder tenant ...`: TENANT, the administrators' command. */
export function tenantCommand(): Command {
  return new Command('tenant')
    .addCommand(createCommand())
    .addCommand(setCommand())
    .addCommand(getCommand())
    .addCommand(listCommand())
    .addCommand(dropCommand())
    .addCommand(moveCommand())
    .addHelpText(
      'after',
      `
An administrator is a tenant with \`admin = true\` in the server's configuration file; --tenant and
--password are its own. In the environment the password is not on a command line for others to see:
  read -rs SHREDDER_PASSWORD && export SHREDDER_PASSWORD
  shredder tenant create beta --tenant operator --memory 256mb`,
    );
}

function createCommand(): Command {
  return withSettings(
    administration('create', 'make a tenant, with a random password that is shown'),
  )
    .argument('<name>')
    .option('--new-password-file <file>', "the new tenant's password is in there, `-` for stdin")
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        'create beta --tenant operator --memory 256mb --deadline-ms 100',
        'create beta --tenant operator --new-password-file beta.password',
      ),
    )
    .action(async (name: string, options: CreateOptions) => {
      const endpoint = endpointOf(options);
      const { password, isShown } = await newPassword(options);
      await withClient(endpoint, (client) => createTenant(client, name, password, options));
      report(name, 'is made', isShown ? password : undefined, options);
    });
}

function setCommand(): Command {
  return withSettings(administration('set', 'change a tenant; what is not named stays'))
    .argument('<name>')
    .option('--rotate-password', 'a new random password; the newest one before it stays valid')
    .addOption(
      new Option(
        '--replace-passwords',
        'a new random password; those before it are no longer valid',
      ).conflicts('rotatePassword'),
    )
    .option('--new-password-file <file>', 'the new password is in there, `-` for stdin')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        'set beta --tenant operator --memory 1gb',
        'set beta --tenant operator --rotate-password',
      ),
    )
    .action(async (name: string, options: SetOptions) => {
      const endpoint = endpointOf(options);
      const { replacePasswords: endsOthers = false, rotatePassword = false } = options;
      const renews = endsOthers || rotatePassword;
      if (options.newPasswordFile !== undefined && !renews) {
        throw new UserError(
          '--new-password-file says nothing of the passwords before it',
          'Give --rotate-password or --replace-passwords with it.',
        );
      }
      if (!renews && settingsToArgs(options).length === 0) {
        throw new UserError(
          `there is nothing to change of tenant ${name}`,
          'See shredder tenant set --help.',
        );
      }
      const renewal = renews ? await newPassword(options) : undefined;
      await withClient(endpoint, (client) =>
        setTenant(client, name, options, renewal && { password: renewal.password, endsOthers }),
      );
      report(name, 'is changed', renewal?.isShown === true ? renewal.password : undefined, options);
    });
}

function getCommand(): Command {
  return administration('get', "show a tenant's settings, its shard and its libraries")
    .argument('<name>')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('get beta --tenant operator'))
    .action(async (name: string, options: JsonOptions) => {
      const tenant = await withClient(
        endpointOf(options),
        (client) => getTenant(client, name),
        EXACT_REPLIES,
      );
      process.stdout.write(`${options.json === true ? replyToJson(tenant) : describe(tenant)}\n`);
    });
}

function listCommand(): Command {
  return administration('list', "print tenants' names, one a line")
    .option('--match <pattern>', 'of those alone that a pattern matches, such as `acme-*`')
    .option('--isolation <name>', 'of those alone that have this isolation')
    .option('--json', 'print JSON')
    .addHelpText('after', examples("list --tenant operator --match 'acme-*'"))
    .action(async (options: ListOptions) => {
      const names = await withClient(endpointOf(options), (client) => listTenants(client, options));
      process.stdout.write(
        options.json === true
          ? `${JSON.stringify(names)}\n`
          : names.map((name) => `${name}\n`).join(''),
      );
    });
}

function dropCommand(): Command {
  return administration('drop', 'end a tenant: its connections, data and libraries are gone')
    .argument('<name>')
    .addHelpText('after', examples('drop beta --tenant operator'))
    .action(async (name: string, options: EndpointOptions) => {
      await withClient(endpointOf(options), (client) => dropTenant(client, name));
      process.stdout.write(`tenant ${name} is dropped\n`);
    });
}

function moveCommand(): Command {
  return administration('move', 'move a tenant to another shard; its clients connect anew')
    .argument('<name>')
    .option('--shard <number>', 'to this one')
    .addOption(new Option('--own', 'to one that it has for itself').conflicts('shard'))
    .addHelpText(
      'after',
      examples('move beta --tenant operator --shard 1', 'move beta --tenant operator --own'),
    )
    .action(async (name: string, options: MoveOptions) => {
      const endpoint = endpointOf(options);
      const target = options.own === true ? 'own' : options.shard;
      if (target === undefined) {
        throw new UserError(`where is tenant ${name} to move?`, 'Give --shard NUMBER, or --own.');
      }
      await withClient(endpoint, (client) => moveTenant(client, name, target));
      process.stdout.write(
        `tenant ${name} is on ${target === 'own' ? 'a shard of its own' : `shard ${target}`}\n`,
      );
    });
}

/** A subcommand with the options that name the server and the administrator. */
function administration(name: string, description: string): Command {
  return withEndpointOptions(new Command(name), 'the administrator').description(description);
}

function withSettings(command: Command): Command {
  for (const { name, value, description } of TENANT_SETTINGS) {
    command.option(`--${name} ${value}`, description);
  }
  return command;
}

function examples(...lines: string[]): string {
  const shown = lines.map((line) => `\n  shredder tenant ${line}`).join('');
  return `\nExample${lines.length > 1 ? 's' : ''}:${shown}`;
}

/** The password that a file holds, or a random one, which must be shown. */
async function newPassword({
  newPasswordFile,
}: CreateOptions): Promise<{ password: string; isShown: boolean }> {
  return newPasswordFile === undefined
    ? { password: randomPassword(), isShown: true }
    : { password: await readPassword(newPasswordFile), isShown: false };
}

function report(
  name: string,
  what: string,
  password: string | undefined,
  { json }: JsonOptions,
): void {
  const lines =
    json === true
      ? [JSON.stringify({ name, password })]
      : [
          `tenant ${name} ${what}`,
          ...(password === undefined ? [] : [`password, shown this once: ${password}`]),
        ];
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

/** A setting a line. */
function describe(tenant: Readonly<Record<string, Reply>>): string {
  const width = Math.max(...Object.keys(tenant).map((key) => key.length));
  return Object.entries(tenant)
    .map(([key, value]) => `${key.padEnd(width)}  ${describeSetting(key, value)}`.trimEnd())
    .join('\n');
}

function describeSetting(key: string, value: Reply): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.map((each: Reply) => formatReply(each)).join(', ');
  if (SIZES.has(key)) return describeSize(Number(value));
  return formatReply(value);
}

/** Bytes in the largest unit that holds them exactly, as `--memory` takes them. */
function describeSize(bytes: number): string {
  for (const [unit, size] of [
    ['gb', 2 ** 30],
    ['mb', 2 ** 20],
    ['kb', 2 ** 10],
  ] as const) {
    if (bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}
