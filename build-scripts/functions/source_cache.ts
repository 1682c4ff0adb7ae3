import path from 'node:path';
import { signatureOf } from '../system/signature.ts';
import type ts from './typescript.cjs';

let versions = 0;

/** A source as a builder wants it: with a version, which another content has another one of. */
export function withVersion(source: ts.SourceFile | undefined): ts.SourceFile | undefined {
  // The field is not in the compiler's types.
  if (source !== undefined) (source as { version?: string }).version ??= String(++versions);
  return source;
}

/** Sources that have been parsed, for later programs of files that stay as they are. */
export class SourceCache {
  private readonly parsed = new Map<string, { signature: string; source: ts.SourceFile }>();

  /** Has a compiler take its sources from here. */
  serve(host: ts.CompilerHost): void {
    const getSourceFile = host.getSourceFile.bind(host);
    host.getSourceFile = (file, options, ...rest) => {
      const { languageVersion, impliedNodeFormat } =
        typeof options === 'object' ? options : { languageVersion: options };
      const key = `${languageVersion} ${impliedNodeFormat} ${path.resolve(file)}`;
      const signature = signatureOf(file);
      const known = this.parsed.get(key);
      if (known?.signature === signature) return known.source;
      const source = withVersion(getSourceFile(file, options, ...rest));
      if (source === undefined) this.parsed.delete(key);
      else this.parsed.set(key, { signature, source });
      return source;
    };
  }
}
