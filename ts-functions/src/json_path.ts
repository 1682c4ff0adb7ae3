// Places within a JSON value, and what is there. Names are own properties and nothing else: `__proto__`
// and `constructor` are names like any other, and reach no prototype.

/** What a JSON text says. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/**
 * A place within a JSON value: names of properties and indexes of arrays, outermost first, such as
 * `['items', 0, 'price']`; or a JSON Pointer (RFC 6901), such as `/items/0/price`. The empty one is the
 * whole value. As an index, `-` is the place after an array's last element.
 */
export type Path = readonly (string | number)[] | string;

type Container = Json[] | { [name: string]: Json };

/** @throws RangeError for a pointer that is none, TypeError for steps that are neither text nor number. */
export function stepsOf(path: Path): readonly (string | number)[] {
  if (typeof path !== 'string') {
    if (!Array.isArray(path))
      throw new TypeError(`a path must be an array or a text, not ${typeof path}`);
    for (const step of path as readonly unknown[]) {
      if (typeof step !== 'string' && typeof step !== 'number') {
        throw new TypeError(`a step of a path must be a name or an index, not ${typeof step}`);
      }
    }
    return path as readonly (string | number)[];
  }
  if (path === '') return [];
  if (!path.startsWith('/') || /~(?![01])/.test(path)) {
    throw new RangeError(
      `"${path}" is no JSON Pointer: write it as "/name/0", with ~1 for / and ~0 for ~`,
    );
  }
  const steps = path.slice(1).split('/');
  return steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** What is at a place; undefined where nothing is. */
export function valueAt(root: Json, steps: readonly (string | number)[]): Json | undefined {
  let value: Json | undefined = root;
  for (const step of steps) {
    if (!isContainer(value)) return undefined;
    value = childOf(value, step);
  }
  return value;
}

/**
 * What is in the place that the last step goes on from.
 *
 * @throws RangeError where there is nothing that has places of its own.
 */
export function containerAt(
  root: Json,
  steps: readonly (string | number)[],
  what: string,
): Container {
  const parent = valueAt(root, steps.slice(0, -1));
  if (isContainer(parent)) return parent;
  const place = pointerOf(steps.slice(0, -1));
  throw new RangeError(`${what} has no object or array at "${place}": set that first`);
}

/** Puts a value into an object or an array, where it may be the new last one. */
export function putChild(
  parent: Container,
  step: string | number,
  value: Json,
  what: string,
): void {
  if (!Array.isArray(parent)) {
    // An assignment to __proto__ would be none.
    Object.defineProperty(parent, String(step), {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
    return;
  }
  const index = indexIn(parent, step);
  if (index === undefined || index > parent.length) {
    throw new RangeError(
      `${what} has an array there, of ${parent.length} elements: "${step}" is no index of it, nor the next`,
    );
  }
  parent[index] = value;
}

/** Takes something out of an object or an array, whose later elements move up; whether it was there. */
export function removeChild(parent: Container, step: string | number): boolean {
  if (childOf(parent, step) === undefined) return false;
  if (Array.isArray(parent)) parent.splice(indexIn(parent, step) ?? parent.length, 1);
  else delete parent[step];
  return true;
}

/** A place as a JSON Pointer. */
export function pointerOf(steps: readonly (string | number)[]): string {
  return steps
    .map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}

/** A value with a merge patch (RFC 7396) applied; objects of the value are changed in place. */
export function merged(value: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const target = value !== undefined && isObject(value) ? value : {};
  for (const name of Object.keys(patch)) {
    const change = patch[name]!;
    if (change === null) delete target[name];
    else putChild(target, name, merged(childOf(target, name), change), '');
  }
  return target;
}

function childOf(parent: Container, step: string | number): Json | undefined {
  if (Array.isArray(parent)) {
    const index = indexIn(parent, step);
    return index === undefined ? undefined : parent[index];
  }
  return Object.hasOwn(parent, step) ? parent[step] : undefined;
}

/** The index that a step means: a number, or the digits of one, or `-`. */
function indexIn(array: readonly Json[], step: string | number): number | undefined {
  if (step === '-') return array.length;
  if (typeof step === 'string' && !/^(0|[1-9]\d{0,9})$/.test(step)) return undefined;
  const index = Number(step);
  return Number.isSafeInteger(index) && index >= 0 ? index : undefined;
}

function isContainer(value: Json | undefined): value is Container {
  return typeof value === 'object' && value !== null;
}

function isObject(value: Json): value is { [name: string]: Json } {
  return isContainer(value) && !Array.isArray(value);
}
