// TENANT, the administrators' command, as a client calls it; the server's refusals are thrown.
import type { Redis } from 'ioredis';
import { digestOf } from './password.ts';
import type { Reply } from './reply.ts';

/** What may be set of a tenant: as the server calls it, and what it takes. */
export const TENANT_SETTINGS = [
  { name: 'memory', value: '<size>', description: 'its quota, such as 256mb' },
  { name: 'deadline-ms', value: '<n>', description: 'CPU time that an invocation may take' },
  { name: 'wall-deadline-ms', value: '<n>', description: 'wall time that it may take' },
  {
    name: 'isolation',
    value: '<name>',
    description:
      '`isolate`; `context` for code of one owner: a shared heap; `process` for hostile code: a locked up shard of its own',
  },
  { name: 'cpu-ms-per-second', value: '<n>', description: 'CPU time of all its requests a second' },
  { name: 'ops-per-second', value: '<n>', description: 'its requests a second' },
  {
    name: 'over-limit',
    value: '<what>',
    description: 'what becomes of a request over one of these two: `wait` or `refuse`',
  },
  { name: 'max-clients', value: '<n>', description: 'its connections' },
  { name: 'max-in-flight', value: '<n>', description: 'its requests that wait' },
  {
    name: 'connection-memory',
    value: '<size>',
    description: 'what its connections hold, unread and unsent',
  },
  { name: 'max-reply', value: '<size>', description: 'the longest reply' },
  { name: 'heap-limit-mb', value: '<n>', description: 'its JavaScript heap' },
  { name: 'array-buffer-limit-mb', value: '<n>', description: 'its ArrayBuffers' },
  { name: 'max-libraries', value: '<n>', description: 'its libraries' },
  { name: 'library-memory', value: '<size>', description: 'the code of its libraries together' },
] as const;

type CamelCase<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

type SettingName = CamelCase<(typeof TENANT_SETTINGS)[number]['name']>;

/** Settings, each as the server reads it. */
export type TenantSettings = { [Name in SettingName]?: string | undefined };

/** A new password, and whether all earlier ones end, or the newest of them stays valid besides. */
export interface NewPassword {
  password: string;
  endsOthers: boolean;
}

const NAMES_A_CALL = 1_000;

export async function createTenant(
  client: Redis,
  name: string,
  password: string,
  settings: TenantSettings,
): Promise<void> {
  // The password itself stays here: the server needs no more than its digest.
  const secret = ['PASSWORD-SHA256', digestOf(password)];
  await client.call('TENANT', ['CREATE', name, ...secret, ...settingsToArgs(settings)]);
}

export async function setTenant(
  client: Redis,
  name: string,
  settings: TenantSettings,
  renewal?: NewPassword,
): Promise<void> {
  const secret =
    renewal === undefined
      ? []
      : [
          renewal.endsOthers ? 'ONLY-PASSWORD-SHA256' : 'PASSWORD-SHA256',
          digestOf(renewal.password),
        ];
  await client.call('TENANT', ['SET', name, ...secret, ...settingsToArgs(settings)]);
}

/** What the server tells of a tenant; the client must have been made with EXACT_REPLIES. */
export async function getTenant(client: Redis, name: string): Promise<Record<string, Reply>> {
  return (await client.callBuffer('TENANT', ['GET', name])) as Record<string, Reply>;
}

/** Which tenants are wanted: those that have all of what is given. */
export interface TenantFilter {
  /** Names match this pattern. */
  match?: string | undefined;
  isolation?: string | undefined;
}

/** The names of all tenants, or of those that are wanted, in their order. */
export async function listTenants(
  client: Redis,
  { match, isolation }: TenantFilter = {},
): Promise<string[]> {
  // As with SCAN, a name may come twice where tenants come and go meanwhile.
  const names = new Set<string>();
  const filter = [
    ...(match === undefined ? [] : ['MATCH', match]),
    ...(isolation === undefined ? [] : ['ISOLATION', isolation]),
  ];
  let cursor = '0';
  do {
    const args = ['LIST', cursor, ...filter, 'COUNT', NAMES_A_CALL];
    const [next, found] = (await client.call('TENANT', args)) as [string, string[]];
    for (const name of found) names.add(name);
    cursor = next;
  } while (cursor !== '0');
  return [...names].sort();
}

export async function dropTenant(client: Redis, name: string): Promise<void> {
  await client.call('TENANT', ['DROP', name]);
}

/** @param shard A shard's number, or `own`. */
export async function moveTenant(client: Redis, name: string, shard: string): Promise<void> {
  await client.call('TENANT', ['MOVE', name, shard]);
}

/** The settings that are given, as the arguments of TENANT CREATE and SET. */
export function settingsToArgs(settings: TenantSettings): string[] {
  return TENANT_SETTINGS.flatMap(({ name }) => {
    const value = settings[toCamelCase(name) as SettingName];
    return value === undefined ? [] : [name.toUpperCase(), value];
  });
}

function toCamelCase(name: string): string {
  return name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
