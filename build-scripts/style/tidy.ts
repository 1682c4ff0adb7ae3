import path from 'node:path';
import { UserError } from '../errors.ts';
import { run } from '../system/command.ts';
import { CLANG_TIDY } from '../system/toolchain.ts';

/** What to look through, and how. */
export interface TidyPlan {
  /** The checkout, which holds .clang-tidy and compile_commands.json. */
  repository: string;
  /** Sources, relative to the checkout; the headers that they include are looked at with them. */
  files: readonly string[];
  jobs: number;
  log: string;
  onProgress: (file: string, done: number) => void;
}

/** Runs clang-tidy; gives what it finds, a line each, what is in a header once. */
export async function tidy(plan: TidyPlan): Promise<string[]> {
  const found = new Set<string>();
  const waiting = [...plan.files];
  let done = 0;
  const work = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      plan.onProgress(file, done);
      const { exitCode, output } = await run(CLANG_TIDY, ['-p', '.', '--quiet', file], {
        cwd: plan.repository,
        log: plan.log,
        accept: [1],
      });
      const findings = findingsIn(output, plan.repository);
      if (exitCode !== 0 && findings.length === 0) {
        throw new UserError(`${CLANG_TIDY} failed on ${file}`, `See ${plan.log}.`);
      }
      for (const finding of findings) found.add(finding);
      done++;
    }
  };
  await Promise.all(Array.from({ length: plan.jobs }, work));
  return [...found].sort();
}

/** `file:line:column: message [check]`, without the notes and the code below it. */
export function findingsIn(output: string, repository: string): string[] {
  return (
    output
      .split('\n')
      .filter((line) => /^[^ ].*:\d+:\d+: (?:warning|error): /.test(line))
      // A header's path may lead over the folder that was searched for it, as runtime/../runtime/a.h.
      .map((line) => {
        const at = line.indexOf(':');
        const file = path.resolve(repository, line.slice(0, at));
        return path.relative(repository, file) + line.slice(at);
      })
  );
}
