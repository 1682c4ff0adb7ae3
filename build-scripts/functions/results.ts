import { isBuiltinSymbol } from './builtin_types.ts';
import ts from './typescript.cjs';

/** Classes of ECMAScript whose instances a reply has a form for. */
const WITH_A_FORM: ReadonlySet<string> = new Set([
  'ArrayBuffer',
  'ArrayBufferView',
  'BigInt64Array',
  'BigUint64Array',
  'DataView',
  'Error',
  'Float32Array',
  'Float64Array',
  'Int16Array',
  'Int32Array',
  'Int8Array',
  'Uint16Array',
  'Uint32Array',
  'Uint8Array',
  'Uint8ClampedArray',
]);

/** Those whose members a reply has as well. */
const COLLECTIONS: ReadonlySet<string> = new Set(['Map', 'ReadonlyMap', 'Set', 'ReadonlySet']);

/** What is `any` in all but name: nothing tells what it holds. */
const UNTOLD = ts.TypeFlags.Any | ts.TypeFlags.Unknown | ts.TypeFlags.NonPrimitive;

const PRIMITIVE =
  ts.TypeFlags.Void |
  ts.TypeFlags.Undefined |
  ts.TypeFlags.Null |
  ts.TypeFlags.Never |
  ts.TypeFlags.BooleanLike |
  ts.TypeFlags.NumberLike |
  ts.TypeFlags.BigIntLike |
  ts.TypeFlags.StringLike;

/** What else arrives as what it is where a typed client calls. */
const WITH_A_TYPED_FORM: ReadonlySet<string> = new Set(['Date']);

/** A reply is nested at most this deep. */
const MAX_DEPTH = 32;

/**
 * Tells whether a function's result reaches its caller as what it is. It looks at all that a type
 * has, for an interface of results is one although it is not assignable to `Result`, whose objects
 * have an index signature.
 */
export class Results {
  /** What has been looked at: there is no fault in it, or it is being looked at. */
  private readonly seen = new Set<ts.Type>();
  private isTyped = false;

  constructor(
    private readonly program: ts.Program,
    private readonly checker: ts.TypeChecker,
  ) {}

  /**
   * What is wrong with a function's result, to follow "returns"; undefined for nothing.
   *
   * @param isTyped Whether the function is one for typed clients.
   */
  faultOf(returned: ts.Type, isTyped = false): string | undefined {
    this.isTyped = isTyped;
    const result = this.checker.getAwaitedType(returned) ?? returned;
    this.seen.clear();
    const fault = this.find(result, '', 0);
    if (fault === undefined) return undefined;
    const { at, what, why } = fault;
    return at === '' ? `${what}, ${why}` : `${what} in its result${at}, ${why}`;
  }

  private find(type: ts.Type, at: string, depth: number): Fault | undefined {
    if (type.flags & (UNTOLD | PRIMITIVE) || this.seen.has(type)) return undefined;
    this.seen.add(type);
    // Types can go on without an end; replies cannot.
    if (depth > MAX_DEPTH) return undefined;
    if (type.flags & ts.TypeFlags.ESSymbolLike) {
      return { at, what: 'a symbol', why: 'which no reply can hold' };
    }
    if (type.isUnion()) {
      return first(type.types, (member) => this.find(member, at, depth));
    }
    if (type.flags & ts.TypeFlags.Instantiable) {
      const constraint = this.checker.getBaseConstraintOfType(type);
      return constraint === undefined || constraint === type
        ? undefined
        : this.find(constraint, at, depth + 1);
    }
    // Texts and numbers that are told apart by a mark which only their types have.
    if (type.isIntersection() && type.types.some((each) => each.flags & PRIMITIVE)) {
      return undefined;
    }
    return this.findInObject(type, at, depth + 1);
  }

  private findInObject(type: ts.Type, at: string, depth: number): Fault | undefined {
    if (type.getCallSignatures().length > 0 || type.getConstructSignatures().length > 0) {
      return { at, what: 'a function', why: 'which no reply can hold' };
    }
    if (this.checker.isArrayType(type) || this.checker.isTupleType(type)) {
      return first(this.argumentsOf(type), (each) => this.find(each, `${at}[]`, depth));
    }
    const kind = this.kindOf(type);
    if (kind === 'form') return undefined;
    if (kind === 'collection') {
      return first(this.argumentsOf(type), (each) => this.find(each, `${at}{}`, depth));
    }
    if (kind !== undefined) return { at, ...kind };
    const inIndex = first(this.checker.getIndexInfosOfType(type), (each) =>
      this.find(each.type, `${at}[]`, depth),
    );
    if (inIndex !== undefined) return inIndex;
    return first(this.checker.getPropertiesOfType(type), (property) => {
      // What is named by a symbol is no part of a reply.
      if (property.name.startsWith('__@')) return undefined;
      const member = this.checker.getTypeOfSymbol(property);
      return this.find(member, `${at}.${property.name}`, depth);
    });
  }

  /** How instances of a class arrive: in a form, with their members, or not as what they are. */
  private kindOf(type: ts.Type): 'form' | 'collection' | Omit<Fault, 'at'> | undefined {
    const symbol = type.getSymbol();
    if (symbol === undefined) return undefined;
    if (this.isBuiltin(symbol)) {
      if (WITH_A_FORM.has(symbol.name)) return 'form';
      if (this.isTyped && WITH_A_TYPED_FORM.has(symbol.name)) return 'form';
      if (COLLECTIONS.has(symbol.name)) return 'collection';
    }
    const base = first(this.basesOf(type), (each) =>
      this.checker.isArrayType(each) ? 'form' : this.kindOf(each),
    );
    if (base === 'form' || base === 'collection') return base;
    if (this.isBuiltin(symbol)) {
      if (symbol.name === 'Object') return undefined;
      // An interface and the variable of its constructor.
      if ((symbol.flags & ts.SymbolFlags.Variable) === 0 && symbol.name !== 'PromiseLike') {
        return undefined;
      }
      return {
        what: `a ${symbol.name}`,
        why: `which would arrive as ${arrivalOf(symbol.name)}: ${adviceFor(symbol.name)}`,
      };
    }
    if (symbol.flags & ts.SymbolFlags.Class) {
      return {
        what: `an instance of the class ${symbol.name}`,
        why: 'which would arrive as a map of its fields: return a plain object',
      };
    }
    return base;
  }

  private basesOf(type: ts.Type): readonly ts.Type[] {
    const target = 'target' in type ? (type as ts.TypeReference).target : type;
    return target.isClassOrInterface() ? this.checker.getBaseTypes(target) : [];
  }

  private argumentsOf(type: ts.Type): readonly ts.Type[] {
    return 'target' in type ? this.checker.getTypeArguments(type as ts.TypeReference) : [];
  }

  private isBuiltin(symbol: ts.Symbol): boolean {
    return isBuiltinSymbol(this.program, symbol);
  }
}

interface Fault {
  /** Where in the result: `.members[].name`. */
  at: string;
  what: string;
  /** What becomes of it, and what to do. */
  why: string;
}

function first<T, R>(values: readonly T[], find: (value: T) => R | undefined): R | undefined {
  for (const value of values) {
    const found = find(value);
    if (found !== undefined) return found;
  }
  return undefined;
}

function arrivalOf(name: string): string {
  return name === 'Date' ? 'its text' : 'an empty map';
}

function adviceFor(name: string): string {
  if (name === 'Date') return 'return its getTime() or toISOString(), or use defineFunction';
  if (name === 'Promise' || name === 'PromiseLike') return 'await it';
  return 'return a plain object, an array or a text';
}
