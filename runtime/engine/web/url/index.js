// URL and URLSearchParams of the URL standard: the package whatwg-url, which `shredder build` bundles into
// the body of (natives, web) => {...}, with modules of this folder in place of some.
import { URL, URLSearchParams } from 'whatwg-url';

// Their classes' own names are minified.
for (const [name, made] of Object.entries({ URL, URLSearchParams })) {
  Object.defineProperty(made, 'name', { value: name, configurable: true });
}

export { URL, URLSearchParams };
