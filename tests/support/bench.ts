// What tests of benches share.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { shredder } from './command_line.ts';
import { temporaryFolder } from './folder.ts';

/** The places of a plot's points. */
export function pointsIn(svg: string): { x: number; y: number }[] {
  const point = /<path d="M1 0A1 1[^"]*" transform="matrix\([\d.]+,0,0,[\d.]+,([^,]+),([^)]+)\)"/g;
  return [...svg.matchAll(point)].map(([, x, y]) => ({ x: Number(x), y: Number(y) }));
}

/** How many lines join points of a plot. */
export function countLines(svg: string): number {
  return svg.match(/<path [^>]*stroke-width="2" stroke-linejoin="bevel"/g)?.length ?? 0;
}

/** Each point has a place, within the picture. */
export function assertDrawnWithin(t: ExecutionContext, svg: string): void {
  t.notRegex(svg, /NaN|Infinity|undefined/);
  const height = Number(/ height="(\d+)"/.exec(svg)?.[1]);
  t.true(pointsIn(svg).length > 0);
  for (const { x, y } of pointsIn(svg)) t.true(x >= 75 && x <= 930 && y >= 120 && y <= height);
}

/** Runs a bench; what it printed, and its JSON, which is of the form that all share. */
export async function runBench(
  t: ExecutionContext,
  suite: string,
  args: readonly string[],
): Promise<{ stdout: string; rows: Record<string, unknown>[] }> {
  const json = path.join(await temporaryFolder(t), 'report.json');
  const { exitCode, stdout, stderr } = await shredder(['bench', suite, ...args, '--json', json]);
  t.is(exitCode, 0, stderr);
  t.regex(stdout, /^.*, \d+ cores, \d+ GiB; V8 11\.3\.\S+; commit \S+\n/);
  const report = JSON.parse(await readFile(json, 'utf8')) as Record<string, unknown>;
  t.deepEqual(Object.keys(report).sort(), ['commit', 'machine', 'rows', 'suite', 'v8']);
  t.is(report['suite'], suite);
  t.regex(String(report['v8']), /^11\.3\./);
  return { stdout, rows: report['rows'] as Record<string, unknown>[] };
}
