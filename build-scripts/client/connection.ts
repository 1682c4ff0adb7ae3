import { createRequire } from 'node:module';
import type { Redis, RedisOptions } from 'ioredis';
import { hasCode, messageOf, UserError } from '../errors.ts';
import { printable } from '../ui/printable.ts';

const require = createRequire(import.meta.url);

/** No server, or none any more: who waits may find one. */
export class Unreachable extends UserError {}

/** Where a server is and who asks. */
export interface Endpoint {
  /** `redis://host:port`, or `unix:/path`. */
  url: string;
  /** The tenant is the user of AUTH. */
  tenant: string;
  /** Absent: no AUTH, which only a server without a configuration file accepts. */
  password?: string | undefined;
}

export const DEFAULT_PORT = 7379;
export const DEFAULT_URL = `redis://127.0.0.1:${DEFAULT_PORT}`;
export const DEFAULT_TENANT = 'default';

const CONNECT_TIMEOUT_MS = 30_000;
const MAX_PASSWORD_BYTES = 4_096;
const PASSWORD_REMEDY =
  'Give --tenant, and the password in the environment as SHREDDER_PASSWORD or with --password.';
const TENANT_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** Checks what came from the command line and the environment. */
export function endpointOf(
  options: { url?: string; tenant?: string; password?: string },
  env: Readonly<Record<string, string | undefined>> = process.env,
): Endpoint {
  const url = options.url ?? DEFAULT_URL;
  addressOf(url);
  const tenant = options.tenant ?? DEFAULT_TENANT;
  if (!TENANT_NAME.test(tenant)) {
    throw new UserError(
      `--tenant is ${JSON.stringify(tenant)}, which is no tenant's name`,
      'Use up to 63 lower-case letters, digits, "-" and "_".',
    );
  }
  const password = options.password ?? (env['SHREDDER_PASSWORD'] || undefined);
  if (password === undefined && tenant !== DEFAULT_TENANT) {
    throw new UserError(`tenant ${tenant} needs a password`, PASSWORD_REMEDY);
  }
  if (password !== undefined && Buffer.byteLength(password) > MAX_PASSWORD_BYTES) {
    throw new UserError(`the password is longer than ${MAX_PASSWORD_BYTES} bytes`);
  }
  return { url, tenant, password };
}

/**
 * Runs `work` with a connected client, and disconnects; what the server refuses is a UserError.
 *
 * @param signal Disconnects when it aborts, and so ends what waits for the server.
 */
export async function withClient<T>(
  endpoint: Endpoint,
  work: (client: Redis) => Promise<T>,
  options: RedisOptions = {},
  signal?: AbortSignal,
): Promise<T> {
  const all: RedisOptions = {
    ...addressOf(endpoint.url),
    ...(endpoint.password === undefined
      ? {}
      : { username: endpoint.tenant, password: endpoint.password }),
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    ...options,
  };
  // The type's mapping concerns the typed commands alone, whose replies here are the same in both.
  // Not before there is one to connect, and in half of the time that `import` takes, which reads all of
  // its files for names of exports first.
  const { Redis: RedisClient } = require('ioredis') as typeof import('ioredis');
  const client = new RedisClient(all as RedisOptions & { replyMapping: 'legacy' });
  // The client rejects with "Connection is closed."; why is only in this event.
  let cause: unknown;
  client.on('error', (error) => {
    cause ??= error;
  });
  const end = (): void => client.disconnect();
  signal?.addEventListener('abort', end, { once: true });
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    throw asUserError(error, cause, endpoint);
  } finally {
    signal?.removeEventListener('abort', end);
    // Of a connection that has ended it would wait for the end, for two seconds.
    if (client.status !== 'end') client.disconnect();
  }
}

/** The client's own options for a URL. */
function addressOf(url: string): RedisOptions {
  if (url.startsWith('unix:/')) return { path: url.slice('unix:'.length) };
  const remedy = `Write it like ${DEFAULT_URL} or unix:/run/shredder.sock.`;
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new UserError(`--url is ${JSON.stringify(url)}, which is no URL`, remedy);
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new UserError('--url must not hold a user or a password', 'Use --tenant and --password.');
  }
  const plain = ['', '/', '/0'].includes(parsed.pathname) && parsed.search + parsed.hash === '';
  if (parsed.protocol !== 'redis:' || parsed.hostname === '' || parsed.port === '0' || !plain) {
    throw new UserError(`--url is ${JSON.stringify(url)}, which names no server`, remedy);
  }
  return {
    // A URL keeps an IPv6 address in brackets; a socket wants it bare.
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: parsed.port === '' ? DEFAULT_PORT : Number(parsed.port),
  };
}

function asUserError(error: unknown, cause: unknown, endpoint: Endpoint): unknown {
  if (error instanceof Error && error.name === 'ReplyError') {
    return new UserError(printable(error.message));
  }
  if (cause === undefined) {
    return error instanceof Error && error.message === 'Connection is closed.'
      ? new Unreachable(`${endpoint.url} has closed the connection`)
      : error;
  }
  if (hasCode(cause, 'ECONNREFUSED') || hasCode(cause, 'ENOENT')) {
    return new Unreachable(`no server answers at ${endpoint.url}`, 'Start one: npx shredder serve');
  }
  if (cause instanceof Error && cause.message.startsWith('NOAUTH ')) {
    return new UserError(`${endpoint.url} asks for a tenant and a password`, PASSWORD_REMEDY);
  }
  if (cause instanceof Error && cause.name === 'ReplyError') {
    return new UserError(`tenant ${endpoint.tenant}: ${printable(cause.message)}`);
  }
  return new Unreachable(`connection to ${endpoint.url}: ${messageOf(cause)}`);
}
