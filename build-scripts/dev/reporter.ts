import { styleText } from 'node:util';
import type { Endpoint } from '../client/connection.ts';
import type { LogLine } from '../client/log.ts';
import { describeLoaded } from '../functions/describe.ts';
import type { FunctionSummary } from '../functions/load.ts';
import { writeErrors } from '../functions/typecheck.ts';
import { isWasmSource } from '../functions/wasm_library.ts';
import { excerptOf } from '../source/excerpt.ts';
import type { SourceFinder } from '../source/find.ts';
import { placeOfError } from '../source/place.ts';
import { localTime, LogPrinter } from '../source/log_printer.ts';
import { printable } from '../ui/printable.ts';
import type { Build, DevLibrary } from './library.ts';

/** Says what a session does: what goes well and what is logged on stdout, what is wrong on stderr. */
export class Reporter {
  private readonly printer: LogPrinter;
  private readonly failing = new Set<string>();
  private readonly colors: boolean;

  constructor(
    private readonly endpoint: Endpoint,
    private readonly finder: SourceFinder,
    private readonly out: NodeJS.WriteStream = process.stdout,
    private readonly err: NodeJS.WriteStream = process.stderr,
  ) {
    this.colors = out.isTTY && out.hasColors();
    this.printer = new LogPrinter(finder, { colors: this.colors });
  }

  watching(names: readonly string[]): void {
    const { tenant, url } = this.endpoint;
    this.say(`watching ${names.join(', ')} for tenant ${tenant} at ${url}; Ctrl-C ends it`);
  }

  built({ name, file }: DevLibrary, ms: number, isNews: boolean, warnings = ''): void {
    const wasFailing = this.failing.delete(name);
    this.err.write(warnings);
    const done = isWasmSource(file) ? 'compiled' : 'checked and bundled';
    if (isNews) this.say(`${name} ${done} in ${Math.round(ms)} ms`);
    else if (wasFailing) this.say(`${name} is well again, and loaded as it is`);
  }

  failed(library: DevLibrary, build: Exclude<Build, { kind: 'code' }>): void {
    this.failing.add(library.name);
    if (build.kind === 'types') {
      this.complain(`${writeErrors(library.file, build.errors, this.err)}; what is loaded stays`);
    } else {
      const { output = '', message, remedy } = build;
      this.err.write(output);
      this.complain(output === '' ? message : `${message}; what is loaded stays`, remedy);
    }
  }

  loaded(name: string, code: string | Buffer, functions: readonly FunctionSummary[]): void {
    this.say(describeLoaded(name, this.endpoint.tenant, code, functions));
  }

  refused(name: string, message: string): void {
    this.complain(`${name} is not loaded: ${message}`);
    const place = placeOfError(message);
    const excerpt = place && excerptOf(place, this.finder, { colors: this.colors, indent: '    ' });
    if (excerpt !== undefined) this.err.write(`${excerpt}\n`);
  }

  connected(isAgain: boolean): void {
    if (isAgain) this.say(`connected to ${this.endpoint.url} again`);
  }

  lost(message: string): void {
    this.complain(`${message}; waiting for it`);
  }

  logged(lines: readonly LogLine[]): void {
    for (const line of lines) this.out.write(`${this.printer.format(line)}\n`);
  }

  private say(text: string): void {
    const time = localTime(Date.now());
    this.out.write(`${this.colors ? styleText('dim', time) : time}  ${text}\n`);
  }

  private complain(text: string, remedy?: string): void {
    const line = `shredder: ${printable(text)}`;
    this.err.write(`${this.colors ? styleText('red', line) : line}\n`);
    if (remedy !== undefined) this.err.write(`  ${remedy}\n`);
  }
}
