// node:url: the web's URL, and the functions around it that need no older rules, which those of `parse` are.

const { URL: WebURL, URLSearchParams: WebURLSearchParams } = globalThis;
export { WebURL as URL, WebURLSearchParams as URLSearchParams };

/** What URL would take for another part of it, or leave out. */
const NOT_IN_PATHS = /[%\\\n\r\t]/g;

/** A file's path, as Node has it where a path begins with a slash. */
export function fileURLToPath(from: string | URL): string {
  const url = new WebURL(from);
  if (url.protocol !== 'file:') {
    throw new TypeError(`the URL must be a file's, and not of the scheme ${url.protocol}`);
  }
  if (url.hostname !== '') {
    throw new TypeError(`the URL of a file must have no host, and not ${url.hostname}`);
  }
  if (/%2f/i.test(url.pathname)) {
    throw new TypeError('the URL of a file must have no slash that is encoded');
  }
  return decodeURIComponent(url.pathname);
}

/** The URL of a path, which begins at the root where it begins with no slash: there is no other place. */
export function pathToFileURL(path: string): URL {
  const url = new WebURL('file:///');
  url.pathname = path.replaceAll(
    NOT_IN_PATHS,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
  return url;
}

interface FormatOptions {
  auth?: boolean;
  fragment?: boolean;
  search?: boolean;
}

/** An URL's text, without the parts that options leave out. */
export function format(
  url: URL,
  { auth = true, fragment = true, search = true }: FormatOptions = {},
): string {
  if (!(url instanceof WebURL)) {
    throw new TypeError('url.format takes an URL in the store: make one by new URL');
  }
  const shown = new WebURL(url);
  if (!auth) {
    shown.username = '';
    shown.password = '';
  }
  if (!fragment) shown.hash = '';
  if (!search) shown.search = '';
  return shown.href;
}

/** What a reference means beside an URL or a path. */
export function resolve(from: string, to: string): string {
  // Stands for what `from` does not say, and is taken out again.
  const base = 'resolve://none';
  const { href } = new WebURL(to, new WebURL(from, base));
  return href.startsWith(`${base}/`) ? href.slice(base.length) : href;
}

/** For what imports all: who imports it by its name is told at once. */
function parse(): never {
  throw new Error('url.parse is not in the store: use new URL, or install the npm package url');
}

export default {
  URL: WebURL,
  URLSearchParams: WebURLSearchParams,
  fileURLToPath,
  format,
  parse,
  pathToFileURL,
  resolve,
};
