// A server of shards with a network card each, and tenants spread over them.
import type { ExecutionContext } from 'ava';
import { RawClient } from './resp.ts';
import type { Server } from './server.ts';

export const SHARDS = 2;
export const NAMES = ['ada', 'ben', 'cleo', 'dan'] as const;
export type Name = (typeof NAMES)[number];
/** Who is an administrator. */
export const ADMIN: Name = 'dan';

export const FAMILIES = ['IPv4', 'IPv6'] as const;
export type Family = (typeof FAMILIES)[number];

export interface Place {
  host: string;
  port: number;
}

export function passwordOf(name: Name): string {
  return `the-password-of-${name}`;
}

/** Lines that come before the tenants are of `[server]`. */
export function cardShardsConfig(...lines: readonly string[]): string {
  return [
    `[server]\nshards = ${SHARDS}`,
    ...lines,
    ...NAMES.map(
      (name) =>
        `[[tenant]]\nname = "${name}"\npassword = "${passwordOf(name)}"\nadmin = ${name === ADMIN}`,
    ),
    '',
  ].join('\n');
}

/** Where a server's first shard is, by addresses of that kind. */
export function firstShard({ host, host6, port }: Server, family: Family = 'IPv4'): Place {
  const address = family === 'IPv4' ? host : host6;
  if (address === undefined) throw new Error('the server has no IPv6 address');
  return { host: address, port };
}

export async function connectTo(t: ExecutionContext, where: Place, name: Name): Promise<RawClient> {
  const client = await RawClient.connect(where);
  t.teardown(() => client.close());
  t.is(await client.text('AUTH', name, passwordOf(name)), '+OK\r\n');
  return client;
}

/** Where the shard that serves a tenant is, as one that is asked says. */
export async function placeOf(t: ExecutionContext, asked: Place, name: Name): Promise<Place> {
  const client = await connectTo(t, asked, name);
  const slots = await client.text('CLUSTER', 'SLOTS');
  const host = new RegExp(`\\r\\n([\\da-f.:]+)\\r\\n:${asked.port}\\r\\n`).exec(slots)?.[1];
  t.truthy(host, slots);
  return { host: host!, port: asked.port };
}
