import ts from './typescript.cjs';

/** What a tsconfig.json says of output alone, or of how output is made of what is checked. */
const OUTPUT_ONLY = [
  'composite',
  'declaration',
  'declarationDir',
  'declarationMap',
  'emitBOM',
  'emitDeclarationOnly',
  'importHelpers',
  'incremental',
  'inlineSourceMap',
  'inlineSources',
  'isolatedDeclarations',
  'mapRoot',
  'newLine',
  'noEmitHelpers',
  'noEmitOnError',
  'outDir',
  'outFile',
  'removeComments',
  'rootDir',
  'sourceMap',
  'sourceRoot',
  'stripInternal',
  'tsBuildInfoFile',
] as const;

/**
 * The options to check a library by: the project's own, without those that concern output. TypeScript
 * has rules about which of them go together, and about what lies where, that nothing here depends on.
 */
export function optionsToCheck(project: ts.CompilerOptions): ts.CompilerOptions {
  const options: ts.CompilerOptions = { ...project, noEmit: true };
  for (const name of OUTPUT_ONLY) delete options[name];
  // TypeScript's own declarations are right.
  options.skipDefaultLibCheck = true;
  // Matters of style: every function takes (keys, args), whether it needs both or not.
  options.noUnusedLocals = false;
  options.noUnusedParameters = false;
  // Which deprecations another version of TypeScript is to be silent about.
  if (options.ignoreDeprecations !== undefined) options.ignoreDeprecations = '5.0';
  return options;
}

/**
 * Emits of a program that has been checked, by other options than its own: ECMAScript modules of ES2022,
 * which a bundler takes, whatever the project is compiled to else.
 *
 * They are changed in place, for an emit reads the program's options at its beginning, and so it has
 * the types as the project's own options make them: no second program has to be checked. What a
 * target and a kind of modules decide besides syntax is settled here and by ModuleFormat. They are
 * given back, for the next program of the file is made from this one where its options are the same.
 */
export function emitAsModules(options: ts.CompilerOptions, emit: () => void): void {
  const own = { ...options };
  options.useDefineForClassFields ??= targetOf(options) >= ts.ScriptTarget.ES2022;
  options.target = ts.ScriptTarget.ES2022;
  // Imports and exports stay what they are; `import x = require()` and `export =` are CommonJS's.
  options.module = ts.ModuleKind.Preserve;
  options.rewriteRelativeImportExtensions = false;
  options.noEmit = false;
  options.sourceMap = true;
  try {
    emit();
  } finally {
    for (const name of Object.keys(options)) if (!Object.hasOwn(own, name)) delete options[name];
    Object.assign(options, own);
  }
}

/** How modules of a file find each other once `tsc` has compiled it. */
export type ModuleFormat =
  /** `require()`, where a default import is `exports.default` of what declares itself a module. */
  | 'commonjs'
  /** `require()` alone: a namespace import is what a module exports, of whatever kind. */
  | 'commonjs without interop'
  /** Node's: a default import of a CommonJS module is all that it exports. */
  | 'node'
  /** Bundlers': a default import is as with `commonjs`. */
  | 'bundler';

/** What `tsc` compiles a file to, by the project's options. */
export function moduleFormatOf(file: ts.SourceFile, options: ts.CompilerOptions): ModuleFormat {
  const kind = moduleKindOf(options);
  const isNode = kind >= ts.ModuleKind.Node16 && kind <= ts.ModuleKind.NodeNext;
  if (compilesToRequire(file, kind, isNode)) {
    return (options.esModuleInterop ?? isNode) ? 'commonjs' : 'commonjs without interop';
  }
  return isNode ? 'node' : 'bundler';
}

function compilesToRequire(file: ts.SourceFile, kind: ts.ModuleKind, isNode: boolean): boolean {
  if (isNode) return file.impliedNodeFormat === ts.ModuleKind.CommonJS;
  return kind < ts.ModuleKind.ES2015;
}

function moduleKindOf(options: ts.CompilerOptions): ts.ModuleKind {
  if (options.module !== undefined) return options.module;
  return targetOf(options) >= ts.ScriptTarget.ES2015
    ? ts.ModuleKind.ES2015
    : ts.ModuleKind.CommonJS;
}

function targetOf(options: ts.CompilerOptions): ts.ScriptTarget {
  if (options.target !== undefined) return options.target;
  // As TypeScript has it.
  const { module } = options;
  if (module === ts.ModuleKind.NodeNext) return ts.ScriptTarget.ESNext;
  if (module === ts.ModuleKind.Node20) return ts.ScriptTarget.ES2023;
  if (module === ts.ModuleKind.Node18 || module === ts.ModuleKind.Node16) {
    return ts.ScriptTarget.ES2022;
  }
  return ts.ScriptTarget.ES5;
}
