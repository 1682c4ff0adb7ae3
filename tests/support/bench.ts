// What tests of benches share.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { shredder } from './command_line.ts';
import { temporaryFolder } from './folder.ts';

/** Each point has a place, within the picture. */
export function assertDrawnWithin(t: ExecutionContext, svg: string): void {
  t.notRegex(svg, /NaN|Infinity|undefined/);
  const height = Number(/ height="(\d+)"/.exec(svg)?.[1]);
  for (const [, x, y] of svg.matchAll(/<circle cx="([^"]+)" cy="([^"]+)"/g)) {
    t.true(Number(x) >= 75 && Number(x) <= 930 && Number(y) >= 120 && Number(y) <= height);
  }
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
