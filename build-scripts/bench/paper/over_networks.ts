// Measures what clients wait for over one network after the other.
import path from 'node:path';
import { startServer } from '../../server/shredderd.ts';
import { formatMeasured } from '../table.ts';
import type { FigureOptions, PaperRow } from './figure.ts';
import { LoadGenerator, type Load, type LoadResult, type Request } from './load_generator.ts';
import { findPlace, openNetworks, type Link, type Networks } from './network.ts';
import { ONE_SHARD, runtimeOf } from './runtime.ts';
import type { Samples } from './samples.ts';

/** One load, measured over each network. */
export interface Cell {
  name: string;
  at: PaperRow['at'];
  load: Omit<Load, 'seconds'>;
  connections: number;
  record: (result: LoadResult, add: (unit: string, value: number) => void) => void;
}

export interface OverNetworksPlan {
  rounds: number;
  /** Of a measurement. */
  seconds: number;
  /** Of each cell once before, on the loopback: where code gets optimised, without a network's delay between two calls. */
  warmUpSeconds: number;
}

/** In the `case` of rows that say how late the relay was, at its 99th percentile. */
export const RELAY_LATE = 'relay, late by';

/**
 * Measures all cells over all networks, in turns, on a server of its own with one shard.
 *
 * @param setUp What is sent to it before.
 * @returns a line that says how networks were emulated, and why so.
 */
export async function measureOverNetworks(
  { config }: FigureOptions,
  setUp: readonly Request[],
  cells: readonly Cell[],
  plan: OverNetworksPlan,
  samples: Samples,
): Promise<string> {
  const { binDir } = await runtimeOf(config);
  const place = await findPlace();
  try {
    const server = await startServer({
      binary: path.join(binDir, 'shredderd'),
      flags: ONE_SHARD,
      enter: place.enter,
    });
    const generator = LoadGenerator.start(binDir, place.enter);
    try {
      await generator.connect(server.port, [setUp]);
      const networks = await openNetworks(place, binDir, server.port);
      try {
        await measureCells(generator, networks, cells, plan, samples);
      } finally {
        await networks.close();
      }
      return place.note;
    } finally {
      await generator.stop();
      await server.stop();
    }
  } finally {
    await place.leave();
  }
}

async function measureCells(
  generator: LoadGenerator,
  networks: Networks,
  cells: readonly Cell[],
  { rounds, seconds, warmUpSeconds }: OverNetworksPlan,
  samples: Samples,
): Promise<void> {
  const measure = async (port: number, cell: Cell, forSeconds: number): Promise<LoadResult> => {
    await generator.connect(
      port,
      Array.from({ length: cell.connections }, () => []),
    );
    return await generator.closed({ ...cell.load, seconds: forSeconds }, 1);
  };
  const loopback = await networks.use(networks.links[0]!);
  for (const cell of cells) await measure(loopback, cell, warmUpSeconds);
  for (let round = 0; round < rounds; round++) {
    for (const link of networks.links) {
      const port = await networks.use(link);
      for (const cell of round % 2 === 0 ? cells : cells.toReversed()) {
        const result = await measure(port, cell, seconds);
        cell.record(result, (unit, value) =>
          samples.add(cell.name, { ...cell.at, ...placeOf(link) }, unit, value),
        );
      }
      const late = await networks.lateness();
      if (late !== undefined) samples.add(RELAY_LATE, placeOf(link), 'us', late.p99Us);
    }
  }
}

function placeOf({ name, emulated }: Link): PaperRow['at'] {
  return { network: name, ...emulated };
}

/** Lines that say what the relay did: how late it was; none without one. */
export function formatLateness(rows: readonly PaperRow[]): string[] {
  const late = rows.filter((row) => row.case === RELAY_LATE).map((row) => row.median);
  if (late.length === 0) return [];
  return [
    '',
    'What the relay costs by itself is `relay alone` less `loopback`, and is in all figures below it. It passed on 99 % of',
    `all bytes at most ${formatMeasured(Math.min(...late))} to ${formatMeasured(Math.max(...late))} us after their time, by network.`,
  ];
}
