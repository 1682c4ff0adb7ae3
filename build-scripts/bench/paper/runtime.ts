import type { Config } from '../../config.ts';
import { ensureRuntime, type RuntimeBuild } from '../../runtime/build.ts';
import { Steps } from '../../ui/steps.ts';

/** No budget of an invocation ends a measurement. */
export const DEADLINE_MS = 60_000;

/** Flags of a server whose tenant has a shard, and time. */
export const ONE_SHARD = ['--shards', '1', '--deadline-ms', String(DEADLINE_MS)];

const built = new Map<string, Promise<RuntimeBuild>>();

/** The runtime that is measured: built where need be, once for all figures. */
export function runtimeOf(config: Config): Promise<RuntimeBuild> {
  const runtime = built.get(config.cache) ?? ensureRuntime(config, new Steps());
  built.set(config.cache, runtime);
  return runtime;
}
