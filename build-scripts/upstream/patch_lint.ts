import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { hasCode } from '../errors.ts';
import { readIfExists } from '../system/files.ts';
import { isTrailer, ORIGIN_TRAILER, splitPatch } from './patch_format.ts';
import { parseSeries, SERIES_FILE } from './patch_series.ts';

const PATCH_NAME = /^[a-z][a-z0-9_.-]*\.patch$/;

/**
 * Everything that is wrong with a patch series, one line each, each naming the file; empty when
 * nothing is.
 */
export async function checkSeries(folder: string): Promise<string[]> {
  const problems: string[] = [];
  const seriesFile = path.join(folder, SERIES_FILE);
  const series = await readIfExists(seriesFile);
  const present = (await names(folder)).filter((name) => name.endsWith('.patch'));
  if (series === undefined) return [`${seriesFile}: the order file is missing`];

  const listed = parseSeries(series.toString());
  const seen = new Set<string>();
  for (const name of listed) {
    if (seen.has(name)) problems.push(`${seriesFile}: ${name} is listed twice`);
    else if (!present.includes(name))
      problems.push(`${seriesFile}: ${name} is listed, but missing`);
    seen.add(name);
  }
  for (const name of present) {
    const file = path.join(folder, name);
    if (!seen.has(name)) problems.push(`${file}: the patch is not listed in ${SERIES_FILE}`);
    if (!PATCH_NAME.test(name)) {
      problems.push(
        `${file}: a patch is named by its subject in lower case, without a number in front`,
      );
    }
    problems.push(...checkPatch(file, await readFile(file, 'utf8')));
  }
  return problems;
}

/** Everything that is wrong with one patch's text. */
export function checkPatch(file: string, text: string): string[] {
  const problems: string[] = [];
  const parts = splitPatch(text);
  const lines = text.split('\n');
  const messageEnd = (parts?.message.split('\n').length ?? 0) - 1;
  const blank = lines.indexOf('');
  const diff = lines.findIndex((line) => line.startsWith('diff --git '));
  if (parts === undefined || blank === -1 || blank > messageEnd || diff === -1) {
    return [`${file}: not a patch as \`git format-patch\` writes it`];
  }

  const headers = lines.slice(0, blank);
  for (const header of ['From: ', 'Date: ', 'Subject: ']) {
    if (!headers.some((line) => line.startsWith(header))) {
      problems.push(`${file}: the header ${header.trim()} is missing`);
    }
  }
  const body = lines.slice(blank + 1, messageEnd);
  const reason = body.filter((line) => line.trim() !== '' && !isTrailer(line));
  if (reason.length === 0) {
    problems.push(
      `${file}: no reason is given; say below the subject why this must be a patch and how it would go away`,
    );
  }
  if (body.some((line) => line.startsWith(`${ORIGIN_TRAILER}: `))) {
    problems.push(`${file}: holds the trailer ${ORIGIN_TRAILER}; write patches with \`export\``);
  }
  lines.forEach((line, at) => {
    const checked = at < diff || (line.startsWith('+') && !line.startsWith('+++ '));
    // The signature that format-patch adds by default ends in a blank, and in git's version.
    const signature = line === '-- ';
    if ((checked || signature) && /[ \t\r]$/.test(line)) {
      problems.push(`${file}:${at + 1}: trailing whitespace`);
    }
  });
  return problems;
}

async function names(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
