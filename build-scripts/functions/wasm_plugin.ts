import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/** Has an import of a `.wasm` file be a module that is compiled while the library loads. */
export function wasmPlugin(): Plugin {
  return {
    name: 'wasm',
    setup(build) {
      build.onLoad({ filter: /\.wasm$/, namespace: 'file' }, async ({ path: file }) => {
        const text = JSON.stringify((await readFile(file)).toString('base64'));
        return {
          contents: [
            `const bytes = Uint8Array.from(atob(${text}), (each) => each.charCodeAt(0));`,
            'export default new WebAssembly.Module(bytes);',
          ].join('\n'),
          loader: 'js',
        };
      });
    },
  };
}
