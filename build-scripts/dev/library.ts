import type { TypeErrors } from '../functions/typecheck.ts';

/** What came of a build: code that may be loaded, or what is wrong. */
export type Build =
  | { kind: 'code'; code: string | Buffer; warnings?: string | undefined }
  | { kind: 'types'; errors: TypeErrors }
  | {
      kind: 'error';
      message: string;
      remedy?: string | undefined;
      /** A compiler's own text, of lines. */
      output?: string | undefined;
    };

/** A library that is built anew whenever a file changes that it consists of. It is to be closed. */
export interface DevLibrary {
  readonly file: string;
  readonly name: string;
  /** Whether a file has changed since the last build began, or there was none. */
  readonly needsBuild: boolean;
  /** Checks and builds it; what is wrong is a result, too. */
  build(): Promise<Build>;
  close(): void;
}
