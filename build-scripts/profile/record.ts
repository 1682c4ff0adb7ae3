// A CPU profile of a tenant's functions, by V8's inspector.
import type { TraceMap } from '@jridgewell/trace-mapping';
import type { Redis } from 'ioredis';
import { Inspector } from '../client/debug_session.ts';
import { listCode } from '../functions/load.ts';
import { inSources, sourceMapOf, type CpuProfile } from './cpu_profile.ts';

/** Microseconds between two samples. */
const SAMPLE_US = 200;
/** What scripts are called by; no file is. */
const BASE_URL = 'shredder:///';

/**
 * Profiles what the tenant's functions do while `work` goes on.
 *
 * @param client For the session alone; calls go over others.
 * @param urlOf Of a source, by its path from its library's file.
 */
export async function recordProfile(
  client: Redis,
  work: () => Promise<void>,
  urlOf: (source: string) => string,
): Promise<CpuProfile> {
  const libraries = await listCode(client, []);
  const inspector = await Inspector.open(client, { baseUrl: BASE_URL });
  try {
    await inspector.ask('Profiler.enable');
    await inspector.ask('Profiler.setSamplingInterval', { interval: SAMPLE_US });
    await inspector.ask('Profiler.start');
    await work();
    const { profile } = await inspector.ask('Profiler.stop');
    const maps = new Map<string, TraceMap>();
    for (const { name, code } of libraries) {
      const map = sourceMapOf(code);
      if (map !== undefined) maps.set(`${BASE_URL}${name}.js`, map);
    }
    return inSources(profile as CpuProfile, maps, urlOf);
  } finally {
    await inspector.close();
  }
}
