/** What V8 is built from and how: pinned here, nowhere else. */
import type { V8Variant } from '../config.ts';
import { LLVM_VERSION, TOOLCHAIN } from '../system/toolchain.ts';

/** The Debian release whose `nodejs` source package is used. */
export const DEBIAN_RELEASE = 'trixie';

/** nodejs.org's release of the same line, for machines without Debian's archives. */
export const NODE_RELEASE = {
  version: '20.19.2',
  url: 'https://nodejs.org/dist/v20.19.2/node-v20.19.2.tar.xz',
  sha256: '4a7ff611d5180f4e420204fa6f22f9f9deb2ac5e98619dd9a4de87edf5b03b6e',
} as const;

/** The V8 that the patch series is written for. */
export const V8_VERSION_PREFIX = '11.3.244.';

/** What of Node's source tree is unpacked: V8, and what generates its build. */
export const SOURCE_PATHS = [
  'LICENSE',
  'common.gypi',
  'deps/v8',
  'src/node_version.h',
  'tools/v8_gypfiles',
] as const;

/** Parts of deps/v8 that no build needs; nearly half of its size. */
export const SOURCE_EXCLUDED_PATHS = [
  'deps/v8/test/benchmarks',
  'deps/v8/test/cctest',
  'deps/v8/test/fuzzer',
  'deps/v8/test/fuzzilli',
  'deps/v8/test/inspector',
  'deps/v8/test/intl',
  'deps/v8/test/js-perf-test',
  'deps/v8/test/message',
  'deps/v8/test/mjsunit',
  'deps/v8/test/mozilla',
  'deps/v8/test/test262',
  'deps/v8/test/unittests',
  'deps/v8/test/wasm-api-tests',
  'deps/v8/test/wasm-js',
  'deps/v8/test/wasm-spec-tests',
  'deps/v8/test/webkit',
] as const;

/** Files outside deps/v8 that a source package's patches to V8 may touch. */
export const GYP_PATHS = ['common.gypi', 'tools/v8_gypfiles/'] as const;

/** What makes V8 check itself: what GYP's Debug configuration would define, in an optimised build. */
const CHECKS_VARIABLES = {
  // Defines DEBUG: DCHECK in C++, CSA_DCHECK in builtins, the optimiser's own verifiers.
  dcheck_always_on: 1,
  v8_enable_slow_dchecks: 1,
  // V8_ENABLE_CHECKS: the same for what the public headers inline; enters defines.txt.
  v8_enable_v8_checks: 1,
  // Makes --verify-heap a flag.
  v8_enable_verify_heap: 1,
  // Verifies the machine graph of every builtin when the snapshot is made.
  v8_enable_verify_csa: 1,
  // What verifiers print of an object when they fail.
  v8_enable_object_print: 1,
  // Makes --gc-interval and --force-slow-path flags.
  v8_enable_test_features: 1,
} as const;

/** Names the system's ICU to V8's build, whose own copy is not unpacked; beside config.gypi. */
export const ICU_GYP_FILE = 'icu.gyp';

/** Its content: what depends on a target of it is linked with that library. */
export const ICU_GYP = {
  targets: ['icuuc', 'icui18n'].map((name) => ({
    target_name: name,
    type: 'none',
    toolsets: ['host', 'target'],
    link_settings: { libraries: [`-l${name}`] },
  })),
} as const;

/** The variables of config.gypi, which Node's own configure would write. */
export function gypVariables(
  arch: 'x64' | 'arm64',
  variant: V8Variant,
): Record<string, string | number> {
  return {
    target_arch: arch,
    host_arch: arch,
    // Build tools run on the machine that they are built on, so one set of objects serves both.
    want_separate_host_toolset: 0,
    python: 'python3',
    clang: 1,
    // LLVM's releases of a version begin with .1.
    llvm_version: `${LLVM_VERSION}.1`,
    enable_lto: 'false',
    v8_enable_i18n_support: 1,
    icu_gyp_path: ICU_GYP_FILE,
    // The data is in a library of the system's.
    icu_use_data_file_flag: 'false',
    // Needed to compile; tenants never see it.
    v8_enable_webassembly: 1,
    v8_enable_inspector: 1,
    v8_use_siphash: 1,
    // As Node's configure sets them; V8 breaks the aliasing rules in places.
    v8_no_strict_aliasing: 1,
    v8_enable_shared_ro_heap: 1,
    v8_enable_short_builtin_calls: 1,
    v8_optimized_debug: 1,
    v8_enable_object_print: 0,
    v8_postmortem_support: 0,
    ...(variant === 'checks' ? CHECKS_VARIABLES : {}),
  };
}

/** The targets whose objects an embedder links; together they are libv8.a. */
export const SHIPPED_TARGETS = [
  'v8_base_without_compiler',
  'v8_compiler',
  'v8_turboshaft',
  'v8_snapshot',
  'v8_libbase',
  'v8_libplatform',
  'v8_libsampler',
  'v8_zlib',
] as const;

/** Targets that run only while V8 is built, and the optimisation that builds fastest overall. */
export const BUILD_ONLY_OPTIMISATION: Readonly<Record<string, string>> = {
  v8_initializers: '-O0',
  v8_init: '-O0',
  mksnapshot: '-O0',
  // Torque runs while the rest waits for it: 23 CPU seconds at -O0, 9 at -O1.
  torque: '-O1',
  torque_base: '-O1',
  bytecode_builtins_list_generator: '-O0',
  'gen-regexp-special-case': '-O0',
};

/** What is shipped in the variant with checks: -O3 takes longer to compile than it saves there. */
export const CHECKS_OPTIMISATION = '-O1';

/** The optimisation that replaces GYP's for a target, or none. */
export function optimisationOf(target: string, variant: V8Variant): string | undefined {
  return (
    BUILD_ONLY_OPTIMISATION[target] ?? (variant === 'checks' ? CHECKS_OPTIMISATION : undefined)
  );
}

/** Files of one directory that are compiled together, at most. */
export const UNITY_CHUNK_FILES = 28;

/** Directories with fewer files share chunks: the headers alone take 3 seconds of each. */
export const UNITY_SMALL_DIRECTORY = 8;

/**
 * Files that are compiled alone, each with what it does not share with its neighbours. Paths are
 * relative to deps/v8, or to the folder of generated files.
 */
export const UNITY_MISFITS: readonly string[] = [
  'src/ast/prettyprinter.cc', // `RegExp` is ambiguous
  'src/base/sanitizer/lsan-virtual-address-space.cc', // `VirtualAddressSpace`
  'src/builtins/builtins-string-gen.cc', // specialises a template that others instantiate
  'src/compiler/bytecode-analysis.cc', // `Register`
  'src/heap/cppgc/marker.cc', // kDefaultDeadlineCheckInterval
  'src/heap/scavenger.cc',
  'src/heap/traced-handles-marking-visitor.cc', // its header guards itself only in part
  'src/init/setup-isolate-deserialize.cc', // beside the snapshot, which changes with every builtin
  'src/libsampler/sampler.cc', // listed in two targets
  'src/objects/js-display-names.cc', // `Type`
  'src/objects/js-relative-time-format.cc', // `Style`
  'src/objects/js-temporal-objects.cc', // `RoundingMode`
  'src/runtime/runtime-strings.cc', // SaveAndClearThreadInWasmFlag
  'src/runtime/runtime-test.cc', // PrintIndentation
  'src/runtime/runtime-weak-refs.cc',
  'src/snapshot/embedded/platform-embedded-file-writer-aix.cc', // DirectiveAsString
  'src/snapshot/embedded/platform-embedded-file-writer-generic.cc', // DirectiveAsString
  'src/snapshot/embedded/platform-embedded-file-writer-mac.cc', // DirectiveAsString
  'src/snapshot/embedded/platform-embedded-file-writer-win.cc', // DirectiveAsString
  'src/torque/csa-generator.cc', // GetBitFieldSpecialization
  'src/wasm/wasm-external-refs.cc', // kSuccess
  'torque-generated/class-verifiers.cc', // with checks: calls verifiers that others specialise
];

/** Folder of the repository with whole new V8 source files. */
export const BUILTINS_FOLDER = 'builtins-csa';

/** The same in V8's tree, compiled file by file so that an edit to one costs only itself. */
export const OWN_FOLDER = `deps/v8/${BUILTINS_FOLDER}`;

/** Increased when the build scripts change what they produce from the same inputs. */
export const BUILD_FORMAT = 2;

/** The settings that change what is built; they enter the cache's key. */
export function buildSettings(arch: 'x64' | 'arm64', variant: V8Variant): unknown {
  return [
    BUILD_FORMAT,
    gypVariables(arch, variant),
    ICU_GYP,
    TOOLCHAIN,
    SHIPPED_TARGETS,
    BUILD_ONLY_OPTIMISATION,
    UNITY_CHUNK_FILES,
    UNITY_SMALL_DIRECTORY,
    UNITY_MISFITS,
    ...(variant === 'checks' ? [CHECKS_OPTIMISATION] : []),
  ];
}

/** What a variant adds to the key of a tree; nothing for the one that is used. */
export function variantKey(variant: V8Variant): Readonly<Record<string, string>> {
  return variant === 'release' ? {} : { variant };
}
