import { createReadStream } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { messageOf, UserError } from '../errors.ts';
import { GraphBuilder, MAX_NODE, type Graph } from './graph.ts';

const MAX_EDGES = 20_000_000;

/**
 * Reads a graph from a file of edges, `a b` a line: node `a`'s list is that of all `b`, in the
 * file's order. Empty lines and those that start with `#` are none.
 */
export async function readEdgeList(file: string): Promise<Graph> {
  const builder = new GraphBuilder();
  const stream = createReadStream(file);
  // Where the file cannot be read, readline only ends; this says why.
  const failed = new Promise<never>((_, reject) => {
    stream.on('error', (error) => {
      reject(new UserError(`cannot read the graph ${file}: ${messageOf(error)}`));
    });
  });
  await Promise.race([failed, readLines(file, stream, builder)]);
  if (builder.edges === 0) throw new UserError(`the graph ${file} has no edges`);
  return builder.build(`The graph of ${path.basename(file)}`);
}

async function readLines(
  file: string,
  stream: NodeJS.ReadableStream,
  builder: GraphBuilder,
): Promise<void> {
  let number = 0;
  for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
    number++;
    if (line === '' || line.startsWith('#')) continue;
    const [, a, b] = /^(\d{1,10})[ \t,]+(\d{1,10})\s*$/.exec(line) ?? [];
    const from = Number(a);
    const to = Number(b);
    // Also where the line is of another form: NaN is at most nothing.
    if (!(from <= MAX_NODE && to <= MAX_NODE)) {
      throw new UserError(
        `${file}:${number}: ${JSON.stringify(line.slice(0, 60))} is no edge`,
        `Each line is two nodes, such as "107 348", each from 0 to ${MAX_NODE}.`,
      );
    }
    builder.addEdge(from, to);
    if (builder.edges > MAX_EDGES) {
      throw new UserError(`the graph ${file} has more than ${MAX_EDGES} edges`);
    }
  }
}
