import type { Redis } from 'ioredis';
import type { Endpoint } from '../client/connection.ts';
import { isBusy, LogReader } from '../client/log.ts';
import { withSteadyClient } from '../client/steady.ts';
import { messageOf } from '../errors.ts';
import { listFunctions, loadLibrary } from '../functions/load.ts';
import { isWasmSource } from '../functions/wasm_library.ts';
import type { DevLibrary } from './library.ts';
import type { Reporter } from './reporter.ts';
import { TypeScriptLibrary } from './typescript_library.ts';
import { Wake } from './wake.ts';
import { WasmLibrary } from './wasm_library.ts';

const POLL_MS = 250;

/** A library, and its code as it is to be loaded and as it is. */
interface Entry {
  library: DevLibrary;
  code?: string | Buffer;
  /** What the server has, or has refused. */
  sent?: string | Buffer | undefined;
}

/** Keeps libraries of a tenant as their files are, and shows what the tenant's functions log. */
export class DevSession {
  private readonly entries: Entry[];
  private readonly stale = new Wake();
  private readonly due = new Wake();
  private isConnected = false;

  constructor(
    private readonly endpoint: Endpoint,
    libraries: readonly { file: string; name: string }[],
    private readonly reporter: Reporter,
  ) {
    this.entries = libraries.map(({ file, name }) => {
      const Library = isWasmSource(file) ? WasmLibrary : TypeScriptLibrary;
      return { library: new Library(file, name, () => this.stale.call()) };
    });
  }

  /** Until `signal` aborts; the libraries stay loaded. */
  async run(signal: AbortSignal): Promise<void> {
    const end = new AbortController();
    const abort = (): void => {
      end.abort();
      this.stale.call();
      this.due.call();
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      await Promise.all(
        [this.build(end.signal), this.serve(end.signal)].map((each) => each.finally(abort)),
      );
    } finally {
      for (const { library } of this.entries) library.close();
    }
  }

  /** Builds what has changed. */
  private async build(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const entry of this.entries) {
        if (signal.aborted || !entry.library.needsBuild) continue;
        const begun = performance.now();
        const build = await entry.library.build();
        if (build.kind === 'code') {
          const isNews = !isSame(build.code, entry.code);
          if (isNews) entry.code = build.code;
          this.reporter.built(entry.library, performance.now() - begun, isNews, build.warnings);
          this.due.call();
        } else {
          this.reporter.failed(entry.library, build);
        }
      }
      if (!this.entries.some(({ library }) => library.needsBuild)) await this.stale.wait();
    }
  }

  /** Loads what was built, and reads the log, over as many connections as it takes. */
  private async serve(signal: AbortSignal): Promise<void> {
    // What was logged before is for `shredder logs`.
    const reader = new LogReader();
    let isOld = true;
    await withSteadyClient(
      this.endpoint,
      signal,
      async (client) => {
        this.reporter.connected(this.isConnected);
        this.isConnected = true;
        reader.reconnected();
        // A server that was started again has no libraries.
        for (const entry of this.entries) entry.sent = undefined;
        while (!signal.aborted) {
          const lines = await reader.next(client);
          if (!isOld) this.reporter.logged(lines ?? []);
          isOld &&= lines === undefined;
          for (const entry of this.entries) await this.load(client, entry);
          await this.due.wait(POLL_MS);
        }
      },
      (error) => this.reporter.lost(error.message),
    );
  }

  private async load(client: Redis, entry: Entry): Promise<void> {
    const { code, library } = entry;
    if (code === undefined || code === entry.sent) return;
    try {
      await loadLibrary(client, code);
      const functions = await listFunctions(client, library.name);
      this.reporter.loaded(library.name, code, functions);
    } catch (error) {
      if (isBusy(error)) return;
      // What the server refuses it refuses again until the code is another.
      if (!(error instanceof Error) || error.name !== 'ReplyError') throw error;
      this.reporter.refused(library.name, messageOf(error));
    }
    entry.sent = code;
  }
}

function isSame(code: string | Buffer, other: string | Buffer | undefined): boolean {
  return other !== undefined && Buffer.from(code).equals(Buffer.from(other));
}
