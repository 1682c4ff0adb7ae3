// What a server over a network card counts of its network.
import type { RawClient } from './resp.ts';

/**
 * The figures of INFO network by their names without `network_`.
 *
 * @param client Of a tenant that is told: an administrator, or the only one.
 */
export async function networkFigures(client: RawClient): Promise<(name: string) => number> {
  const info = await client.text('INFO', 'network');
  return (name) => {
    const value = new RegExp(`^network_${name}:(\\d+)\r$`, 'm').exec(info)?.[1];
    if (value === undefined) throw new Error(`there is no ${name} in ${info}`);
    return Number(value);
  };
}
