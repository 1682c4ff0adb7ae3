// A configuration with two tenants, which is what most tests need.

export const ALICE = { name: 'alice', password: 'the-password-of-alice' };
export const BOB = { name: 'bob', password: 'the-password-of-bob' };

export interface TenantsOptions {
  /** Lines for the table `[server]`. */
  server?: readonly string[];
  /** Lines for alice's table. */
  alice?: readonly string[];
}

export function twoTenants({ server = [], alice = [] }: TenantsOptions = {}): string {
  return [
    '[server]',
    ...server,
    '[[tenant]]',
    `name = "${ALICE.name}"`,
    `password = "${ALICE.password}"`,
    ...alice,
    '[[tenant]]',
    `name = "${BOB.name}"`,
    `password = "${BOB.password}"`,
    '',
  ].join('\n');
}
