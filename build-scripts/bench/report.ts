import { writeFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { execa } from 'execa';
import { messageOf, UserError } from '../errors.ts';

/** Where figures were measured. */
export interface Machine {
  cpu: string;
  /** Logical processors. */
  cores: number;
  memoryBytes: number;
  kernel: string;
}

/** The JSON of every bench; what a row is, the suite says. */
export interface Report<Row> {
  suite: string;
  /** The checkout's commit, with `-dirty` where files differ from it; `unknown` outside git. */
  commit: string;
  /** V8's version. */
  v8: string;
  machine: Machine;
  rows: readonly Row[];
}

/** A report of rows measured now, on this machine, from this checkout. */
export async function reportOf<Row>(
  suite: string,
  v8: string,
  rows: readonly Row[],
  repository: string,
): Promise<Report<Row>> {
  return { suite, commit: await commitOf(repository), v8, machine: describeMachine(), rows };
}

/** Writes a file that the user named. */
export async function writeOutput(file: string, text: string | Buffer): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new UserError(`cannot write ${file}: ${messageOf(error)}`);
  }
}

/** Prints a report on standard output, and writes it as JSON where a file is named. */
export async function publish(
  report: Report<unknown>,
  formatted: string,
  json: string | undefined,
): Promise<void> {
  process.stdout.write(`${describeReport(report)}\n${formatted}\n`);
  if (json !== undefined) await writeOutput(json, `${JSON.stringify(report, null, 2)}\n`);
}

function describeMachine(): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryBytes: totalmem(),
    kernel: release(),
  };
}

/** The machine and the versions in one line. */
export function describeReport(report: Report<unknown>): string {
  const { cpu, cores, memoryBytes } = report.machine;
  const gib = Math.round(memoryBytes / 1024 ** 3);
  return `${cpu}, ${cores} cores, ${gib} GiB; V8 ${report.v8}; commit ${report.commit}`;
}

async function commitOf(repository: string): Promise<string> {
  const result = await execa('git', ['describe', '--always', '--dirty', '--exclude=*'], {
    cwd: repository,
    reject: false,
  });
  return result.exitCode === 0 ? result.stdout : 'unknown';
}
