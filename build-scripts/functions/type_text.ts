// A type as TypeScript that stands alone: what it consists of, all the way down, instead of the names that
// its author's files have for that.
import ts from './typescript.cjs';
import { isBuiltinSymbol } from './builtin_types.ts';

/** Types that contain themselves end where they do so, others at this depth. */
const MAX_DEPTH = 24;
/** What a type of more is good for, nobody can read. */
const MAX_CHARACTERS = 16_384;

/** Builtin types that are named; what they are generic over is told of these alone. */
const NAMED: ReadonlyMap<string, string> = new Map([
  ['Date', 'Date'],
  ['Error', 'Error'],
  ['Map', 'Map'],
  ['ReadonlyMap', 'Map'],
  ['Set', 'Set'],
  ['ReadonlySet', 'Set'],
]);
const BYTES =
  /^(?:ArrayBuffer|ArrayBufferView|DataView|(?:Big)?(?:Ui|I)nt\d+(?:Clamped)?Array|Float\d+Array)$/;

const NAME = /^[A-Za-z_$][\w$]*$/;

/** The text of a type; `unknown` for what nothing can be told of. */
export function typeText(program: ts.Program, type: ts.Type): string {
  const text = new TypeText(program).of(type);
  return text.length > MAX_CHARACTERS ? 'unknown' : text;
}

class TypeText {
  private readonly checker: ts.TypeChecker;
  /** Those that the one being looked at is a part of. */
  private readonly within = new Set<ts.Type>();
  private characters = 0;

  constructor(private readonly program: ts.Program) {
    this.checker = program.getTypeChecker();
  }

  of(type: ts.Type): string {
    if (this.within.has(type) || this.within.size > MAX_DEPTH) return 'unknown';
    if (this.characters > MAX_CHARACTERS) return 'unknown';
    this.within.add(type);
    const text = this.textOf(type);
    this.within.delete(type);
    this.characters += text.length;
    return text;
  }

  private textOf(type: ts.Type): string {
    const { TypeFlags } = ts;
    if (type.flags & TypeFlags.Boolean) return 'boolean';
    if (type.flags & (TypeFlags.Void | TypeFlags.Undefined)) return 'undefined';
    if (type.isStringLiteral()) return JSON.stringify(type.value);
    // Of infinities there is no literal.
    if (type.isNumberLiteral()) return Number.isFinite(type.value) ? `${type.value}` : 'number';
    if (type.flags & (TypeFlags.Any | TypeFlags.Unknown | TypeFlags.ESSymbolLike)) return 'unknown';
    if (type.flags & TypeFlags.StringMapping) return 'string';
    // Before what is a union: an enum is one of its members.
    if (type.isUnion()) return this.union(type);
    if (type.flags & TypeFlags.NumberLike) return 'number';
    if (type.flags & (TypeFlags.Null | TypeFlags.Never | TypeFlags.BooleanLiteral)) {
      return this.checker.typeToString(type);
    }
    if (type.flags & TypeFlags.TemplateLiteral)
      return this.template(type as ts.TemplateLiteralType);
    if (type.flags & TypeFlags.StringLike) return 'string';
    if (type.flags & TypeFlags.BigIntLike) {
      return type.flags & TypeFlags.BigIntLiteral ? this.checker.typeToString(type) : 'bigint';
    }
    if (type.flags & TypeFlags.NonPrimitive) return 'object';
    if (type.flags & TypeFlags.Instantiable) {
      const constraint = this.checker.getBaseConstraintOfType(type);
      return constraint === undefined ? 'unknown' : this.of(constraint);
    }
    return this.object(type);
  }

  private union(type: ts.UnionType): string {
    const texts = new Set(type.types.map((each) => this.of(each)));
    if (texts.delete('true') && texts.delete('false')) texts.add('boolean');
    return [...texts].join(' | ');
  }

  private template({ texts, types }: ts.TemplateLiteralType): string {
    const parts = texts.map((text, index) => {
      const escaped = JSON.stringify(text)
        .slice(1, -1)
        .replaceAll(/`|\$\{/g, '\\$&');
      const hole = types[index];
      return hole === undefined ? escaped : `${escaped}\${${this.of(hole)}}`;
    });
    return `\`${parts.join('')}\``;
  }

  private object(type: ts.Type): string {
    // Texts and numbers that are told apart by a mark which only their types have.
    if (type.isIntersection()) {
      const primitive = type.types.find((each) => (each.flags & ts.TypeFlags.Object) === 0);
      if (primitive !== undefined) return this.of(primitive);
    }
    if (type.getCallSignatures().length > 0 || type.getConstructSignatures().length > 0) {
      return 'unknown';
    }
    if (this.checker.isTupleType(type)) return this.tuple(type as ts.TupleTypeReference);
    if (this.checker.isArrayType(type)) {
      return this.list(this.checker.getTypeArguments(type as ts.TypeReference)[0]);
    }
    return this.named(type) ?? this.members(type);
  }

  private named(type: ts.Type): string | undefined {
    const symbol = type.getSymbol();
    if (symbol === undefined || !isBuiltinSymbol(this.program, symbol)) return undefined;
    if (BYTES.test(symbol.name)) return 'Uint8Array';
    const name = NAMED.get(symbol.name);
    if (name !== 'Map' && name !== 'Set') return name;
    const members = this.checker.getTypeArguments(type as ts.TypeReference);
    return `${name}<${members.map((each) => this.of(each)).join(', ')}>`;
  }

  private list(item: ts.Type | undefined): string {
    const text = item === undefined ? 'unknown' : this.of(item);
    return text.includes(' | ') ? `(${text})[]` : `${text}[]`;
  }

  private tuple(type: ts.TupleTypeReference): string {
    const { elementFlags } = type.target;
    const elements = this.checker.getTypeArguments(type).map((each, index) => {
      const flags = elementFlags[index] ?? ts.ElementFlags.Required;
      if (flags & ts.ElementFlags.Rest) return `...${this.list(each)}`;
      const text = this.of(each);
      if (!(flags & ts.ElementFlags.Optional)) return text;
      return text.includes(' | ') ? `(${text})?` : `${text}?`;
    });
    return `[${elements.join(', ')}]`;
  }

  /** Without what is named by a symbol, which nobody sends. */
  private members(type: ts.Type): string {
    const indexes = this.checker
      .getIndexInfosOfType(type)
      .filter(({ keyType }) => (keyType.flags & ts.TypeFlags.ESSymbolLike) === 0)
      .map((each) => `[name: ${this.of(each.keyType)}]: ${this.of(each.type)}`);
    const properties = this.checker
      .getPropertiesOfType(type)
      .filter(({ name }) => !name.startsWith('__@'))
      .map((each) => {
        const isOptional = (each.flags & ts.SymbolFlags.Optional) !== 0;
        const name = NAME.test(each.name) ? each.name : JSON.stringify(each.name);
        return `${name}${isOptional ? '?' : ''}: ${this.of(this.checker.getTypeOfSymbol(each))}`;
      });
    const all = [...indexes, ...properties];
    return all.length === 0 ? '{}' : `{ ${all.join('; ')} }`;
  }
}
