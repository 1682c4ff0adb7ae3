import type { RawClient } from './resp.ts';

/** Where a client's tenant is served, as INFO says. */
export interface Place {
  shard: number;
  pid: number;
  isSingle: boolean;
  isolation: string;
  /** The supervisor's process. */
  supervisor: number;
  run: string;
}

export async function placeOf(client: RawClient): Promise<Place> {
  const info = await client.text('INFO', 'server');
  const field = (name: string): string => new RegExp(`^${name}:(.*)\r$`, 'm').exec(info)?.[1] ?? '';
  return {
    shard: Number(field('shard')),
    pid: Number(field('shard_process_id')),
    isSingle: field('shard_is_single') === '1',
    isolation: field('isolation'),
    supervisor: Number(field('process_id')),
    run: field('run_id'),
  };
}
