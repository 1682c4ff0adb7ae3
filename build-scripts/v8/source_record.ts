/** What a source was resolved to; recorded beside the source and beside every build of it. */
export interface SourceRecord {
  origin: 'debian' | 'nodejs.org' | 'directory' | 'tarball';
  /** The Node.js release, such as 20.19.2. */
  release: string;
  /** The source package's version, or the path that the user named. */
  package: string;
  v8Version: string;
  /** Verified inputs with their SHA-256. */
  digests: Record<string, string>;
  /** The source package's own patches that were applied, in order. */
  patches: string[];
  warnings: string[];
}

/** What a fetcher hands over, before it is unpacked. */
export interface FetchedSource {
  record: Omit<SourceRecord, 'v8Version' | 'release'>;
  /** Fills a folder with the pruned tree. */
  fill: (folder: string, log: string) => Promise<void>;
}
