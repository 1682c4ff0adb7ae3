import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { hasCode } from '../errors.ts';

/** One archive that apt knows: an address with its suites and components. */
export interface AptSource {
  uri: string;
  suites: string[];
  components: string[];
  signedBy: string | undefined;
}

/** Debian's own archives, as this machine reaches them. */
export interface DebianArchives {
  main: AptSource;
  security: AptSource | undefined;
}

const APT_FOLDER = '/etc/apt';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Reads apt's own configuration of sources: sources.list and sources.list.d. */
export async function readAptSources(folder: string = APT_FOLDER): Promise<AptSource[]> {
  const sources: AptSource[] = [];
  const parts = path.join(folder, 'sources.list.d');
  const files = [path.join(folder, 'sources.list')];
  try {
    for (const name of (await readdir(parts)).sort()) files.push(path.join(parts, name));
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  for (const file of files) {
    const parse = file.endsWith('.sources')
      ? parseDeb822
      : file.endsWith('.list')
        ? parseOneLine
        : undefined;
    if (parse === undefined) continue;
    try {
      sources.push(...parse(await readFile(file, 'utf8')));
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }
  return sources;
}

/** Parses the one-line format: `deb [options] uri suite component ...`. */
export function parseOneLine(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*deb(?:-src)?\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    if (match === null) continue;
    const [, options = '', uri = '', suite = '', rest = ''] = match;
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1];
    sources.push({ uri, suites: [suite], components: words(rest), signedBy });
  }
  return sources;
}

/** Parses the deb822 format: stanzas of fields, with continuation lines and comments. */
export function parseDeb822(text: string): AptSource[] {
  const sources: AptSource[] = [];
  const withoutComments = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n');
  for (const stanza of withoutComments.split(/\n\s*\n/)) {
    const fields = new Map<string, string>();
    let field: string | undefined;
    for (const line of stanza.split('\n')) {
      const start = /^([^\s:]+):(.*)$/.exec(line);
      if (start !== null) {
        field = (start[1] ?? '').toLowerCase();
        fields.set(field, (start[2] ?? '').trim());
      } else if (field !== undefined && /^\s/.test(line)) {
        fields.set(field, `${fields.get(field) ?? ''}\n${line}`);
      }
    }
    if (/^(no|false|off|0)$/i.test(fields.get('enabled') ?? '')) continue;
    // A key may also stand in the file itself; only a path can be passed on.
    const signedBy = fields.get('signed-by');
    for (const uri of words(fields.get('uris') ?? '')) {
      sources.push({
        uri,
        suites: words(fields.get('suites') ?? ''),
        components: words(fields.get('components') ?? ''),
        signedBy: signedBy?.startsWith('/') && !/\s/.test(signedBy) ? signedBy : undefined,
      });
    }
  }
  return sources;
}

/**
 * Picks Debian's archives among the machine's sources: those of the release that the machine
 * itself runs, since third parties name their suites otherwise or sign with their own keys.
 *
 * @param codename The machine's release, such as `bookworm`.
 */
export function findDebianArchives(
  sources: readonly AptSource[],
  codename: string,
): DebianArchives | undefined {
  const ofSuite = (suite: RegExp): AptSource | undefined =>
    sources.find(
      (source) =>
        source.suites.some((each) => suite.test(each)) &&
        source.components.includes('main') &&
        (source.signedBy === undefined || source.signedBy.includes('debian-archive')) &&
        looksLikeDebian(source.uri),
    );
  const main = ofSuite(new RegExp(`^(${codename}|stable|oldstable|testing|unstable|sid)$`));
  if (main === undefined) return undefined;
  return { main, security: ofSuite(/-security$|\/updates$/) };
}

/** The lines of a private sources list that offers the source packages of another release. */
export function sourceListFor(
  archives: DebianArchives,
  release: string,
  defaultKeyring: string | undefined,
): string {
  const line = (source: AptSource, suite: string): string => {
    const keyring = source.signedBy ?? defaultKeyring;
    const options = keyring === undefined ? '' : ` [signed-by=${keyring}]`;
    return `deb-src${options} ${source.uri} ${suite} main\n`;
  };
  return (
    line(archives.main, release) +
    (archives.security === undefined ? '' : line(archives.security, `${release}-security`))
  );
}

/** The keyring that Debian ships, where it exists. */
export const DEBIAN_KEYRING = KEYRING;

/** Debian's archives end so on every mirror; cloud images name a list of mirrors instead. */
function looksLikeDebian(uri: string): boolean {
  return /\/debian(-security)?\/?$/.test(uri) || /^mirror\+file:.*debian/.test(uri);
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
