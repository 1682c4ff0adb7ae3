import { mkdir, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../errors.ts';
import { capture, CommandError } from '../system/command.ts';
import { createFolderAtomically, exists, readIfExists, writeIfChanged } from '../system/files.ts';
import { describeRejection } from './patch_apply.ts';
import { addOrigin, nameOfSubject, removeOrigin } from './patch_format.ts';
import { readSeries, SERIES_FILE, type Patch } from './patch_series.ts';
import type { ResolvedSource } from './resolve.ts';

/** The commit that the series starts from. */
const BASE = 'refs/shredder/base';

/** Git as it is out of the box: the user's configuration must not change a patch's bytes. */
const GIT_ENV = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  LC_ALL: 'C',
};

/** Author of the base commit, and committer of all; fixed so that commits are reproducible. */
const IDENTITY = {
  GIT_AUTHOR_NAME: 'shredder',
  GIT_AUTHOR_EMAIL: 'shredder@localhost',
  GIT_COMMITTER_NAME: 'shredder',
  GIT_COMMITTER_EMAIL: 'shredder@localhost',
};
const BASE_DATE = '2000-01-01T00:00:00Z';

/** Where an earlier series ended: keeps the files that its patches start from. */
const PREVIOUS = 'refs/shredder/previous';

/**
 * Makes a folder a git repository of a source with one commit a patch. A folder that is one
 * already starts anew, unless that would lose work; what it holds of another source serves to
 * merge the patches that do not fit this one as they are.
 *
 * @returns the names of the imported patches.
 */
export async function importSeries(
  folder: string,
  source: Pick<ResolvedSource, 'key' | 'tree'>,
  patchesFolder: string,
): Promise<string[]> {
  const patches = await readSeries(patchesFolder);
  if (await exists(folder)) {
    await requireOwnRepository(folder);
    await requireNothingToLose(folder, patches);
    if ((await baseKey(folder)) === source.key) {
      await git(folder, ['reset', '--hard', '--quiet', BASE]);
    } else {
      // An import that was given up leaves no series to keep.
      const commits = await git(folder, ['rev-list', '--count', `${BASE}..HEAD`]);
      if (commits !== '0') await git(folder, ['update-ref', PREVIOUS, 'HEAD']);
      await startFrom(folder, source);
    }
  } else {
    await createRepository(folder, source);
  }
  await importPatches(folder, patches);
  return patches.map((patch) => patch.name);
}

/**
 * Regenerates the patch folder from a repository's commits: the same commits always give the
 * same bytes. Patches without a commit are removed.
 *
 * @returns the names of the patches that were written or removed.
 */
export async function exportSeries(
  folder: string,
  source: Pick<ResolvedSource, 'key'>,
  patchesFolder: string,
): Promise<string[]> {
  await requireOwnRepository(folder);
  if ((await baseKey(folder)) !== source.key) {
    throw new UserError(
      `${folder} does not start from the source in use`,
      'Import into a new folder with --dir, and move your commits there with git cherry-pick.',
    );
  }
  await requireClean(folder);
  const patches = await formatCommits(folder);
  await mkdir(patchesFolder, { recursive: true });
  const changed: string[] = [];
  const before = await existingPatches(patchesFolder);
  for (const { name, text } of patches) {
    if (await writeIfChanged(path.join(patchesFolder, name), text)) changed.push(name);
  }
  for (const name of before.filter((each) => !patches.some((patch) => patch.name === each))) {
    await rm(path.join(patchesFolder, name));
    changed.push(name);
  }
  await writeSeries(patchesFolder, patches);
  return changed;
}

async function createRepository(
  folder: string,
  source: Pick<ResolvedSource, 'key' | 'tree'>,
): Promise<void> {
  await mkdir(path.dirname(folder), { recursive: true });
  await createFolderAtomically(folder, async (temporary) => {
    await mkdir(temporary, { recursive: true });
    await git(temporary, ['init', '--quiet', '--initial-branch=shredder']);
    await startFrom(temporary, source);
  });
}

/** Makes a source the repository's base, without a commit on it. */
async function startFrom(
  folder: string,
  source: Pick<ResolvedSource, 'key' | 'tree'>,
): Promise<void> {
  const own = path.join(path.resolve(folder), '.git');
  const index = path.join(own, 'shredder-index');
  await rm(index, { force: true });
  const env = { GIT_DIR: own, GIT_INDEX_FILE: index };
  // A source's own .gitignore files may name parts of it, as V8's do.
  await git(source.tree, ['--work-tree=.', 'add', '--all', '--force', '.'], env);
  const tree = await git(source.tree, ['write-tree'], env);
  await rm(index);
  const message = `The source\n\nSource: ${source.key}`;
  const commit = await git(folder, ['commit-tree', tree, '-m', message], {
    GIT_AUTHOR_DATE: BASE_DATE,
    GIT_COMMITTER_DATE: BASE_DATE,
  });
  await git(folder, ['update-ref', BASE, commit]);
  await git(folder, ['reset', '--hard', '--quiet', commit]);
}

/** Makes a commit of each patch. One that does not fit is merged, where that can be done. */
async function importPatches(folder: string, patches: readonly Patch[]): Promise<void> {
  const mails = path.join(folder, '.git', 'shredder-import');
  await rm(mails, { recursive: true, force: true });
  await mkdir(mails);
  const files: string[] = [];
  for (const patch of patches) {
    const file = path.join(mails, patch.name);
    await writeFile(file, addOrigin(patch.text, patch.name));
    files.push(path.resolve(file));
  }
  if (files.length === 0) return;
  // --keep-non-patch: only [PATCH] is taken off a subject, not other brackets.
  const args = ['am', '--3way', '--quiet', '--keep-non-patch', '--keep-cr'];
  args.push('--committer-date-is-author-date', ...files);
  try {
    await git(folder, args);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw await describeStop(folder, patches, error);
  } finally {
    await rm(mails, { recursive: true, force: true });
  }
}

/** The patch at which `git am` stopped, and what to do there; it goes on with those after it. */
async function describeStop(
  folder: string,
  patches: readonly Patch[],
  error: CommandError,
): Promise<Error> {
  const state = path.join(folder, '.git', 'rebase-apply');
  const next = Number((await readIfExists(path.join(state, 'next')))?.toString());
  const patch = patches[next - 1];
  if (patch === undefined) return error;
  const goOn = 'git add --all, git am --continue; then `shredder patches export`.';
  const merged = (await git(folder, ['diff', '--name-only', '--diff-filter=U'])).split('\n');
  const conflicts = merged.filter((file) => file !== '');
  if (conflicts.length > 0) {
    return new UserError(
      `patch ${patch.name} conflicts with this source in ${conflicts.join(', ')}`,
      `In ${folder}: mend what git marked there, ${goOn}`,
    );
  }
  return new UserError(
    `patch ${patch.name} does not apply: ${describeRejection(error.output)}`,
    `In ${folder}: git apply --reject .git/rebase-apply/patch, mend what is left, ${goOn}`,
  );
}

/** The commits since the base as patches, in order. */
async function formatCommits(folder: string): Promise<Patch[]> {
  const list = await git(folder, ['rev-list', '--reverse', '--parents', `${BASE}..HEAD`]);
  const patches: Patch[] = [];
  for (const line of list.split('\n').filter((each) => each !== '')) {
    const [commit = '', ...parents] = line.split(' ');
    if (parents.length !== 1) {
      throw new UserError(
        `commit ${commit.slice(0, 12)} in ${folder} is a merge, which is no patch`,
        'Rebase instead of merging.',
      );
    }
    const formatted = await git(folder, [
      'format-patch',
      '--stdout',
      '-1',
      // Hashes of commits differ between two imports of the same series.
      '--zero-commit',
      // The signature is git's own version.
      '--no-signature',
      // "[PATCH 3/9]" would change with every patch that is added.
      '--no-numbered',
      '--subject-prefix=PATCH',
      // What a three-way merge starts from; shortened, they would depend on what else there is.
      '--full-index',
      // A diffstat is as wide as the widest path, and says nothing that the diff does not.
      '--no-stat',
      // Whether git sees a rename depends on limits and on the other files of the commit.
      '--no-renames',
      // Defaults that have changed between versions of git, or that a configuration sets.
      '--diff-algorithm=histogram',
      '--unified=3',
      '--src-prefix=a/',
      '--dst-prefix=b/',
      '--no-color',
      '--no-ext-diff',
      '--no-attach',
      '--no-thread',
      '--no-base',
      '--no-encode-email-headers',
      commit,
    ]);
    // Newlines alone: the last line of a hunk may be a blank of its own.
    const { text, name } = removeOrigin(`${formatted.replace(/\n+$/, '')}\n`);
    const subject = await git(folder, ['show', '--no-patch', '--format=%s', commit]);
    patches.push({ name: name ?? nameOfSubject(subject), text });
  }
  const names = patches.map((patch) => patch.name);
  const duplicate = names.find((name, at) => names.indexOf(name) !== at);
  if (duplicate !== undefined) {
    throw new UserError(
      `two commits in ${folder} would both be ${duplicate}`,
      'Give them different subjects, and each at most one Patch-File trailer of its own.',
    );
  }
  return patches;
}

/**
 * A patch without the hashes of the files that it starts from and ends with: they change with the
 * source, even where the patch fits as it is.
 */
function withoutHashes(text: string): string {
  return text.replaceAll(/^index [0-9a-f]{40}\.\.[0-9a-f]{40}(?: [0-7]+)?\n/gm, '');
}

/** Writes the order file, keeping the comments at its head. */
async function writeSeries(patchesFolder: string, patches: readonly Patch[]): Promise<void> {
  const file = path.join(patchesFolder, SERIES_FILE);
  const head: string[] = [];
  for (const line of ((await readIfExists(file))?.toString() ?? '').split('\n')) {
    if (!line.startsWith('#')) break;
    head.push(line);
  }
  const lines = [...head, ...patches.map((patch) => patch.name)];
  await writeIfChanged(file, lines.map((line) => `${line}\n`).join(''));
}

async function existingPatches(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.patch'));
}

/** Fails unless the folder is the root of a repository that `import` made. */
async function requireOwnRepository(folder: string): Promise<void> {
  let top: string | undefined;
  try {
    top = await git(folder, ['rev-parse', '--show-toplevel']);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
  }
  const hasBase = top !== undefined && (await baseKey(folder)) !== undefined;
  if (top === undefined || top !== (await realpath(folder)) || !hasBase) {
    throw new UserError(
      `${folder} is not a checkout made by \`shredder patches import\``,
      'Name another folder with --dir, or remove this one.',
    );
  }
}

/** The source that a repository's base commit was made from. */
async function baseKey(folder: string): Promise<string | undefined> {
  try {
    const message = await git(folder, ['show', '--no-patch', '--format=%B', BASE]);
    return /^Source: (\w+)$/m.exec(message)?.[1];
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

async function requireClean(folder: string): Promise<void> {
  for (const state of ['rebase-apply', 'rebase-merge']) {
    if (await exists(path.join(folder, '.git', state))) {
      throw new UserError(
        `${folder} is in the middle of a git am or git rebase`,
        'Finish it with --continue, or give it up with --abort.',
      );
    }
  }
  const status = await git(folder, ['status', '--porcelain']);
  if (status !== '') {
    throw new UserError(
      `${folder} has changes that are not committed: ${status.split('\n').slice(0, 5).join(', ')}`,
      'Commit them: a patch is made of each commit.',
    );
  }
}

/** Fails where a new import would lose commits that were not exported. */
async function requireNothingToLose(folder: string, patches: readonly Patch[]): Promise<void> {
  await requireClean(folder);
  const known = new Set(patches.map((patch) => withoutHashes(patch.text)));
  const commits = await formatCommits(folder);
  const unknown = commits.find((patch) => !known.has(withoutHashes(patch.text)));
  if (unknown !== undefined) {
    throw new UserError(
      `${folder} has a commit that the patch series lacks: ${unknown.name}`,
      'Run `shredder patches export` first, or import into another folder with --dir.',
    );
  }
}

async function git(
  folder: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  return await capture('git', args, {
    cwd: folder,
    // A folder that is no repository must not resolve to one around it.
    env: {
      ...GIT_ENV,
      ...IDENTITY,
      GIT_CEILING_DIRECTORIES: path.dirname(path.resolve(folder)),
      ...env,
    },
  });
}
