// Values as text for people, about as Node shows them.

export const custom = Symbol.for('nodejs.util.inspect.custom');

const MAX_DEPTH = 4;
const MAX_ITEMS = 100;
const NAME = /^[A-Za-z_$][\w$]*$/;

export function inspect(value: unknown): string {
  return show(value, 0, []);
}

/** As printf has it: `%s`, `%d`, `%i`, `%f`, `%j`, `%o`, `%O`, `%%`; what is left over follows. */
export function format(template?: unknown, ...values: unknown[]): string {
  if (typeof template !== 'string') {
    return [template, ...values].map((each) => text(each)).join(' ');
  }
  const left = [...values];
  const start = template.replace(/%[sdifjoO%]/g, (directive) => {
    if (directive === '%%') return '%';
    if (left.length === 0) return directive;
    const value = left.shift();
    if (directive === '%s') return text(value);
    if (directive === '%d' || directive === '%f') return String(Number(value));
    if (directive === '%i') return String(Math.trunc(Number(value)));
    return directive === '%j' ? String(JSON.stringify(value)) : inspect(value);
  });
  return [start, ...left.map((each) => text(each))].join(' ');
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value);
}

function show(value: unknown, depth: number, above: readonly object[]): string {
  if (typeof value === 'string')
    return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return `[Function: ${value.name || '(anonymous)'}]`;
  if (Object.is(value, -0)) return '-0';
  if (typeof value !== 'object' || value === null) return String(value);
  return showObject(value, depth, above);
}

function showObject(value: object, depth: number, above: readonly object[]): string {
  if (above.includes(value)) return '[Circular]';
  const own = (value as Record<symbol, unknown>)[custom];
  if (typeof own === 'function') return text(own.call(value, MAX_DEPTH - depth, {}, inspect));
  if (value instanceof Error) return value.stack ?? String(value);
  if (value instanceof RegExp) return String(value);
  if (value instanceof Date) return value.toISOString();
  const name = value.constructor?.name;
  if (depth > MAX_DEPTH) return `[${name ?? 'Object'}]`;
  const inside = (each: unknown): string => show(each, depth + 1, [...above, value]);
  if (Array.isArray(value)) return enclosed('[', value.map(inside), ']');
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return enclosed(`${name} [`, Array.from(value as Uint8Array, inside), ']');
  }
  if (value instanceof Map) {
    const entries = [...value].map(([key, each]) => `${inside(key)} => ${inside(each)}`);
    return enclosed(`Map(${value.size}) {`, entries, '}');
  }
  if (value instanceof Set) {
    return enclosed(`Set(${value.size}) {`, [...value].map(inside), '}');
  }
  const members = Object.entries(value).map(
    ([key, each]) => `${NAME.test(key) ? key : show(key, 0, [])}: ${inside(each)}`,
  );
  return enclosed(name === undefined || name === 'Object' ? '{' : `${name} {`, members, '}');
}

function enclosed(open: string, members: readonly string[], close: string): string {
  if (members.length === 0) return open + close;
  const shown = members.slice(0, MAX_ITEMS);
  if (members.length > MAX_ITEMS) shown.push(`... ${members.length - MAX_ITEMS} more`);
  return `${open} ${shown.join(', ')} ${close}`;
}
