import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { withClient } from '../client/connection.ts';
import { loadLibrary } from '../functions/load.ts';
import { startServer } from '../server/shredderd.ts';
import { capture } from '../system/command.ts';
import { formatMeasured, formatRatio, formatTable } from './table.ts';

/** Calls by a client's own `fcall`, or by `shredder-functions/client` over it. */
export interface CallsRow {
  client: string;
  case: 'fcall' | 'typed';
  /** Objects in the argument and in the result. */
  lines: number;
  medianUs: number;
  minUs: number;
  maxUs: number;
}

export interface CallsPlan {
  rounds: number;
  /** Calls in each. */
  requests: number;
}

export const QUICK_CALLS: CallsPlan = { rounds: 5, requests: 1_000 };
export const FULL_CALLS: CallsPlan = { rounds: 15, requests: 4_000 };

const FUNCTIONS = fileURLToPath(new URL('calls_functions.ts', import.meta.url));
const PROGRAM = fileURLToPath(new URL('calls_program.ts', import.meta.url));

/**
 * Measures calls of one function that gives its argument back, both ways in turns.
 *
 * @param binDir Folder of shredderd.
 */
export async function measureCalls(binDir: string, plan: CallsPlan): Promise<CallsRow[]> {
  // Loaded here: the compiler takes longer to load than most commands to run.
  const { bundleLibrary } = await import('../functions/bundle.ts');
  const code = await bundleLibrary(FUNCTIONS, 'calls');
  const server = await startServer({ binary: path.join(binDir, 'shredderd') });
  try {
    await withClient({ url: server.url, tenant: 'default' }, (client) => loadLibrary(client, code));
    const numbers = [server.port, plan.rounds, plan.requests].map(String);
    const args = ['--import', import.meta.resolve('tsx'), PROGRAM, ...numbers];
    return JSON.parse(await capture(process.execPath, args)) as CallsRow[];
  } finally {
    await server.stop();
  }
}

/** The rows as a table: a line a client and size. */
export function formatCalls(rows: readonly CallsRow[]): string {
  const lines = rows
    .filter((row) => row.case === 'fcall')
    .map((fcall) => {
      const typed = rows.find(
        (row) => row.case === 'typed' && row.client === fcall.client && row.lines === fcall.lines,
      );
      return [
        `${fcall.client}, ${fcall.lines}`,
        cell(fcall),
        typed === undefined ? '' : cell(typed),
        formatRatio(typed?.medianUs, fcall.medianUs),
      ];
    });
  return [
    'Microseconds a call, one after the other, by objects in argument and result: median (min to max)',
    formatTable(['', "the client's own fcall", 'typed', 'typed/own'], lines),
  ].join('\n');
}

function cell({ medianUs, minUs, maxUs }: CallsRow): string {
  const [median, min, max] = [medianUs, minUs, maxUs].map(formatMeasured);
  return `${median} (${min} to ${max})`;
}
