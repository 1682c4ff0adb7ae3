/** A `build` statement of a ninja file, with its continuation lines joined. */
export interface BuildEdge {
  outputs: string[];
  rule: string;
  inputs: string[];
  /** Implicit inputs, behind `|`. */
  implicit: string[];
  /** Order-only inputs, behind `||`. */
  orderOnly: string[];
  /** Indented lines below the statement, as they stand. */
  bindings: string[];
}

/** A ninja file as its edges and, between them, lines that stay as they are. */
export type NinjaStatement = { edge: BuildEdge } | { line: string };

/** Parses what GYP writes: no variables in paths, `$` continuations, escapes kept as they are. */
export function parseNinja(text: string): NinjaStatement[] {
  const statements: NinjaStatement[] = [];
  let current: BuildEdge | undefined;
  for (const line of text.replace(/\$\n\s*/g, '').split('\n')) {
    if (current !== undefined && /^\s+\S/.test(line)) {
      current.bindings.push(line);
      continue;
    }
    current = undefined;
    if (!line.startsWith('build ')) {
      statements.push({ line });
      continue;
    }
    current = parseEdge(line);
    statements.push({ edge: current });
  }
  return statements;
}

export function formatNinja(statements: readonly NinjaStatement[]): string {
  return statements
    .map((statement) => ('line' in statement ? statement.line : formatEdge(statement.edge)))
    .join('\n');
}

function parseEdge(line: string): BuildEdge {
  // Paths are separated by blanks; a `$ ` or `$:` within one is an escape.
  const tokens = line.slice('build '.length).match(/(?:\$.|[^\s$])+/g) ?? [];
  const edge: BuildEdge = {
    outputs: [],
    rule: '',
    inputs: [],
    implicit: [],
    orderOnly: [],
    bindings: [],
  };
  let target = edge.outputs;
  for (const token of tokens) {
    if (target === edge.outputs && token.endsWith(':') && !token.endsWith('$:')) {
      if (token !== ':') target.push(token.slice(0, -1));
      target = edge.inputs;
    } else if (target === edge.inputs && edge.rule === '') {
      edge.rule = token;
    } else if (token === '|') {
      target = edge.implicit;
    } else if (token === '||') {
      target = edge.orderOnly;
    } else {
      target.push(token);
    }
  }
  return edge;
}

function formatEdge(edge: BuildEdge): string {
  const parts = [`build ${edge.outputs.join(' ')}: ${edge.rule}`, ...edge.inputs];
  if (edge.implicit.length > 0) parts.push('|', ...edge.implicit);
  if (edge.orderOnly.length > 0) parts.push('||', ...edge.orderOnly);
  return [parts.join(' '), ...edge.bindings].join('\n');
}
