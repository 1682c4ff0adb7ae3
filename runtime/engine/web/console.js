// console, whose lines go to the tenant's own log (FUNCTION LOG), and what it makes of values.

(natives) => {
  const { log } = natives;
  const MAX_DEPTH = 3;
  const MAX_ITEMS = 100;
  const MAX_CHARACTERS = 8192;

  function quoted(text) {
    return JSON.stringify(text.length > 1000 ? `${text.slice(0, 1000)}...` : text);
  }

  /** A value as one would write it down. */
  function show(value, depth = 0, above = []) {
    switch (typeof value) {
      case 'string':
        return quoted(value);
      case 'bigint':
        return `${value}n`;
      case 'symbol':
        return String(value);
      case 'function':
        return `[${/^class\b/.test(Function.prototype.toString.call(value)) ? 'class' : 'function'} ${value.name || '(anonymous)'}]`;
      case 'object':
        break;
      default:
        return Object.is(value, -0) ? '-0' : String(value);
    }
    if (value === null) return 'null';
    if (above.includes(value)) return '[circular]';
    if (value instanceof Error) return String(value.stack ?? value);
    if (value instanceof Date)
      return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof RegExp) return String(value);
    const name = Object.getPrototypeOf(value)?.constructor?.name ?? 'Object: null prototype';
    if (depth > MAX_DEPTH) return `[${name}]`;
    const inner = (item) => show(item, depth + 1, [...above, value]);
    if (value instanceof ArrayBuffer) return `ArrayBuffer(${value.byteLength})`;
    if (Array.isArray(value) || ArrayBuffer.isView(value)) {
      const length = value.length ?? value.byteLength;
      const items =
        value instanceof DataView
          ? []
          : Array.from({ length: Math.min(length, MAX_ITEMS) }, (_, i) => inner(value[i]));
      return `${name === 'Array' ? '' : `${name}(${length}) `}[${listOf(items, length)}]`;
    }
    if (value instanceof Map) {
      const items = firstOf(value).map(([key, item]) => `${inner(key)} => ${inner(item)}`);
      return `Map(${value.size}) {${listOf(items, value.size)}}`;
    }
    if (value instanceof Set)
      return `Set(${value.size}) {${listOf(firstOf(value).map(inner), value.size)}}`;
    const keys = Object.keys(value);
    const items = keys
      .slice(0, MAX_ITEMS)
      .map((key) => `${/^[A-Za-z_$][\w$]*$/.test(key) ? key : quoted(key)}: ${inner(value[key])}`);
    return `${name === 'Object' ? '' : `${name} `}{${listOf(items, keys.length)}}`;
  }

  function firstOf(collection) {
    const items = [];
    for (const item of collection) {
      if (items.length === MAX_ITEMS) break;
      items.push(item);
    }
    return items;
  }

  function listOf(items, count) {
    const more =
      count > items.length && items.length > 0 ? [`... ${count - items.length} more`] : [];
    const text = [...items, ...more].join(', ');
    return text === '' ? '' : ` ${text} `;
  }

  const asIs = (value) => (typeof value === 'string' ? value : show(value));

  /** The console standard's Formatter. */
  function format(values) {
    const [first, ...rest] = values;
    if (typeof first !== 'string' || rest.length === 0) return values.map(asIs).join(' ');
    const text = first.replace(/%[sdifjoOc%]/g, (specifier) => {
      if (specifier === '%%') return '%';
      if (rest.length === 0) return specifier;
      const value = rest.shift();
      switch (specifier) {
        case '%s':
          return typeof value === 'object' ? show(value) : asIs(value);
        case '%d':
        case '%i':
          if (typeof value === 'bigint') return `${value}n`;
          return String(
            typeof value === 'symbol'
              ? NaN
              : specifier === '%i'
                ? parseInt(value, 10)
                : Number(value),
          );
        case '%f':
          return String(typeof value === 'symbol' ? NaN : parseFloat(value));
        case '%j':
          return String(JSON.stringify(value));
        case '%c':
          return '';
        default:
          return show(value);
      }
    });
    return [text, ...rest.map(asIs)].join(' ');
  }

  let indent = '';
  const counts = new Map();

  function write(level, values) {
    const text = format(values);
    const cut = text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}...` : text;
    log(level, indent + (indent === '' ? cut : cut.replaceAll('\n', `\n${indent}`)));
  }

  const console = {
    log: (...values) => write('log', values),
    info: (...values) => write('info', values),
    debug: (...values) => write('debug', values),
    warn: (...values) => write('warn', values),
    error: (...values) => write('error', values),
    dir: (value) => write('log', [show(value)]),
    dirxml: (...values) => write('log', values),
    table: (...values) => write('log', values),
    trace: (...values) => {
      const { stack } = new Error();
      // Without the lines that are of the console's own.
      const frames = String(stack)
        .split('\n')
        .slice(1)
        .filter((line) => !line.includes('shredder:web'));
      write('log', [[`Trace: ${format(values)}`, ...frames].join('\n')]);
    },
    assert: (condition, ...values) => {
      if (condition) return;
      if (typeof values[0] === 'string') values[0] = `Assertion failed: ${values[0]}`;
      else values.unshift('Assertion failed');
      write('error', values);
    },
    count: (label = 'default') => {
      const count = (counts.get(`${label}`) ?? 0) + 1;
      counts.set(`${label}`, count);
      write('info', [`${label}: ${count}`]);
    },
    countReset: (label = 'default') => void counts.delete(`${label}`),
    group: (...values) => {
      if (values.length > 0) write('log', values);
      if (indent.length < 64) indent += '  ';
    },
    groupCollapsed: (...values) => console.group(...values),
    groupEnd: () => {
      indent = indent.slice(2);
    },
    // The clock stands still while a function runs: there is nothing to tell.
    time: () => {},
    timeLog: (label = 'default', ...values) => write('log', [`${label}: 0ms`, ...values]),
    timeEnd: (label = 'default') => write('log', [`${label}: 0ms`]),
    clear: () => {},
  };
  return { console };
};
