/** What a source was fetched as; recorded beside the source and beside every build of it. */
export interface FetchedRecord {
  origin: 'debian' | 'nodejs.org' | 'archive' | 'directory' | 'tarball';
  /** The source package's version, or the path that the user named. */
  package: string;
  /** Verified inputs with their SHA-256. */
  digests: Record<string, string>;
  /** The source package's own patches that were applied, in order. */
  patches: string[];
  warnings: string[];
}

/** What a fetcher hands over, before it is unpacked. */
export interface FetchedSource {
  record: FetchedRecord;
  /** Fills a folder with the pruned tree. */
  fill: (folder: string, log: string) => Promise<void>;
}
