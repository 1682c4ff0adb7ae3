import path from 'node:path';
import { UserError } from '../errors.ts';
import { run } from '../system/command.ts';
import { listFiles } from '../system/files.ts';
import { CLANG_FORMAT } from '../system/toolchain.ts';

/** A file that is not in the project's style. */
export interface StyleProblem {
  /** Relative to the checkout. */
  file: string;
  /** One line: what is wrong, and what to do. */
  text: string;
}

/** Folders with C++; their style is .clang-format's. */
const CPP_FOLDERS = ['builtins-csa', 'runtime'] as const;

const WRITE_IT = 'run `npx shredder style --fix`';

/** The files of a checkout that are not in its style, one each; `fix` mends first what it can. */
export async function checkStyle(
  repository: string,
  options: { fix: boolean },
): Promise<StyleProblem[]> {
  const [cpp, typescript] = await Promise.all([
    checkCpp(repository, options.fix),
    checkTypeScript(repository, options.fix),
  ]);
  return [...cpp, ...typescript];
}

async function checkCpp(repository: string, fix: boolean): Promise<StyleProblem[]> {
  const files: string[] = [];
  for (const folder of CPP_FOLDERS) {
    const names = await listFiles(path.join(repository, folder));
    files.push(...names.filter(isCpp).map((name) => path.join(folder, name)));
  }
  if (files.length === 0) return [];
  if (fix) await run(CLANG_FORMAT, ['-i', ...files], { cwd: repository });
  const { output } = await run(CLANG_FORMAT, ['--dry-run', '--Werror', ...files], {
    cwd: repository,
    accept: [1],
  });
  return misformatted(output).map((file) => ({ file, text: `is not formatted: ${WRITE_IT}` }));
}

function isCpp(file: string): boolean {
  return /\.(cc|h)$/.test(file);
}

/** The files that clang-format complains of, each once. */
function misformatted(output: string): string[] {
  const complaints = output.matchAll(/^(.+?):\d+:\d+: error: .*\[-Wclang-format-violations\]$/gm);
  return [...new Set([...complaints].map(([, file = '']) => file))];
}

async function checkTypeScript(repository: string, fix: boolean): Promise<StyleProblem[]> {
  const biome = path.join(repository, 'node_modules', '.bin', 'biome');
  if (fix) await run(biome, ['check', '--write'], { cwd: repository, accept: [1] });
  const args = ['ci', '--colors=off', '--reporter=json', '--max-diagnostics=none'];
  const { output } = await run(biome, args, { cwd: repository, accept: [1] });
  return summarize(readDiagnostics(output));
}

/** One complaint of Biome's. */
interface Diagnostic {
  /** `format`, or `lint/`, a group and a rule. */
  category: string;
  message: string;
  location: { path: string; start: { line: number } };
}

/** Reads Biome's JSON, which stands on a line of its own among what it says besides. */
function readDiagnostics(output: string): Diagnostic[] {
  const report = output.split('\n').find((line) => line.startsWith('{"summary":'));
  if (report === undefined) throw new UserError(`Biome did not run: ${output.trim()}`);
  return (JSON.parse(report) as { diagnostics: Diagnostic[] }).diagnostics;
}

/** One line a file, with its first complaint; that it is not formatted comes last. */
function summarize(diagnostics: readonly Diagnostic[]): StyleProblem[] {
  const byFile = new Map<string, Diagnostic[]>();
  for (const each of diagnostics) {
    const { path: file } = each.location;
    byFile.set(file, [...(byFile.get(file) ?? []), each]);
  }
  return [...byFile].map(([file, all]) => {
    const [first, ...others] = all.filter(({ category }) => category !== 'format');
    if (first === undefined) return { file, text: `is not formatted: ${WRITE_IT}` };
    const more = others.length === 0 ? '' : `, and ${others.length} more`;
    const { start } = first.location;
    return {
      file,
      text: `line ${start.line}: ${first.message} (${first.category}${more}): mend it, or ${WRITE_IT}`,
    };
  });
}
