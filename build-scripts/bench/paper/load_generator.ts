// The native load generator, runtime/bench/load.cc, as a program that is asked.
import path from 'node:path';
import { startResponder, type Responder } from '../responder.ts';
import { RowReader } from '../program.ts';

/** The words of a request. */
export type Request = readonly (string | number)[];

/** What a client does again and again: a reply must begin with `expect` and have so many bytes. */
export interface Operation {
  request: Request;
  expect: string;
  payloadBytes: number;
}

export interface Load {
  /** Taken in turn; or one for each connection. */
  operations: readonly Operation[];
  seconds: number;
  /** More than one: each after the first is a GET of the key that the first bytes of the last reply are. */
  hops?: number;
  keyBytes?: number;
  /** The server's process, for how often it and the generator were preempted. */
  server?: number;
}

/** On which connection an operation is: all alike with `skew` 0, else Zipf's law with that exponent. */
export interface Spreading {
  skew: number;
}

export interface LoadResult {
  operations: number;
  seconds: number;
  /** How long operations took, as their client waits; microseconds. */
  p50Us: number;
  p99Us: number;
  p999Us: number;
  sentBytes: number;
  receivedBytes: number;
  /** How late operations of an open loop began; microseconds. */
  lateP50Us: number;
  lateP99Us: number;
  /** What part of a core the generator took. */
  busy: number;
  /** Of the generator and the server, where `Load.server` names it. */
  preemptions: number;
}

export class LoadGenerator {
  readonly #program: Responder;

  private constructor(program: Responder) {
    this.#program = program;
  }

  /**
   * @param binDir Folder of shredder-load.
   * @param enter What comes before the program to start it, as in `ip netns exec name`.
   * @param flags `--device` and the like, for a network card of its own.
   */
  static start(
    binDir: string,
    enter: readonly string[] = [],
    flags: readonly string[] = [],
  ): LoadGenerator {
    const [file, ...args] = [...enter, path.join(binDir, 'shredder-load'), ...flags];
    return new LoadGenerator(startResponder(file!, args));
  }

  /** Closes all connections and opens others, each of which sends its requests and gets their replies. */
  async connect(port: number, greetings: readonly (readonly Request[])[]): Promise<void> {
    await this.#order({
      order: 'connect',
      port,
      greetings: greetings.map((all) => all.map(words)),
    });
  }

  /** On each connection so many operations at a time. */
  async closed(load: Load, pipeline: number): Promise<LoadResult> {
    return await this.#measure({ ...load, order: 'closed', pipeline });
  }

  /** So many operations at a time in all, spread over the connections. */
  async window(load: Load & Spreading, window: number): Promise<LoadResult> {
    return await this.#measure({ ...load, order: 'window', window });
  }

  /** So many operations a second, at random times; where it polls, it takes a core to be on time. */
  async open(load: Load & Spreading, rate: number, poll: boolean): Promise<LoadResult> {
    return await this.#measure({ ...load, order: 'open', rate, poll });
  }

  async stop(): Promise<void> {
    await this.#program.stop();
  }

  async #measure(order: Load & Record<string, unknown>): Promise<LoadResult> {
    const operations = order.operations.map((each) => ({ ...each, request: words(each.request) }));
    const result = new RowReader(JSON.parse(await this.#order({ ...order, operations })));
    const number = (name: keyof LoadResult): number => result.number(name);
    return {
      operations: number('operations'),
      seconds: number('seconds'),
      p50Us: number('p50Us'),
      p99Us: number('p99Us'),
      p999Us: number('p999Us'),
      sentBytes: number('sentBytes'),
      receivedBytes: number('receivedBytes'),
      lateP50Us: number('lateP50Us'),
      lateP99Us: number('lateP99Us'),
      busy: number('busy'),
      preemptions: number('preemptions'),
    };
  }

  async #order(order: Record<string, unknown>): Promise<string> {
    return await this.#program.ask(JSON.stringify(order));
  }
}

function words(request: Request): string[] {
  return request.map(String);
}
