/** One run of the engine's tests in a V8 with its own checks. */
export interface ChecksRun {
  /** Flags of V8's. */
  flags: readonly string[];
  /** GoogleTest's filter. */
  filter: string;
  /** Random calls, as a part of those asked for: what makes every call slow gets fewer. */
  share: number;
}

/** Random calls that a change of a builtin must pass. */
export const DEFAULT_RANDOM_CALLS = 1_000_000;

// The sweep of V8's own builtins is about time, of which V8's checks take too much.
const EVERYTHING = '*-*Sweep*';
/** The tests of the builtins' answers; what is inlined, and when, depends on the flags. */
const BUILTINS =
  '*Builtins*:RawContext*:Writes*:*LoopSplitting*:*SplitLoop*:*AreTheBuiltins:*LivesOnWhereItIsNeeded';
/** Libraries in WebAssembly. */
const WASM = '*Wasm*';

const under = (share: number, ...flags: string[]): ChecksRun => ({
  flags,
  filter: BUILTINS,
  share,
});

/** Everything once, then the builtins from code that V8 makes in different ways. */
export const CHECKS_RUNS: readonly ChecksRun[] = [
  { flags: ['--verify-heap'], filter: EVERYTHING, share: 1 },
  under(0.2, '--no-shredder-inline'),
  // Only optimised code, and as much of it as can be inlined.
  under(0.2, '--always-turbofan'),
  under(0.2, '--stress-inline'),
  under(0.2, '--always-osr'),
  // Asserts at run time what the optimiser concluded of each node's type.
  under(0.2, '--assert-types'),
  // Nothing stays optimised.
  {
    flags: ['--deopt-every-n-times=100'],
    filter: `${BUILTINS}-*AnswerFromOptimisedLoops:*DeoptimisesOnce`,
    share: 0.2,
  },
  // Code that is finished late, when its assumptions may hold no more.
  under(0.2, '--concurrent-recompilation-delay=5'),
  under(0.2, '--stress-concurrent-inlining'),
  // A collector that moves everything, and that runs wherever it may.
  under(0.2, '--stress-compaction', '--max-semi-space-size=1', '--verify-heap'),
  {
    flags: ['--gc-interval=100', '--verify-heap'],
    // A hundred thousand combinations outlast the test's own deadline then.
    filter: `${BUILTINS}-*AreHandledInEveryCombination`,
    share: 0.02,
  },
  under(0.2, '--force-slow-path'),
  // Only optimised code; and code that is given up as soon as it may be, while values move.
  { flags: ['--no-liftoff'], filter: WASM, share: 1 },
  {
    flags: ['--stress-wasm-code-gc', '--stress-compaction', '--max-semi-space-size=1'],
    filter: WASM,
    share: 1,
  },
];

/** The environment of a run; `calls` random calls are asked for. */
export function environmentOf(run: ChecksRun, calls: number): Record<string, string> {
  return {
    SHREDDER_TEST_V8_FLAGS: run.flags.join(' '),
    SHREDDER_TEST_CALLS: String(Math.ceil(calls * run.share)),
  };
}
