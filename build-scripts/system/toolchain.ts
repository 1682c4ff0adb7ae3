import { capture } from './command.ts';

/** The compiler's version: of all that is compiled, and of the tools that read the same sources. */
export const LLVM_VERSION = 19;

/** What V8 and the runtime are compiled with. */
export const TOOLCHAIN = {
  cc: `clang-${LLVM_VERSION}`,
  cxx: `clang++-${LLVM_VERSION}`,
  ar: `llvm-ar-${LLVM_VERSION}`,
  lld: `ld.lld-${LLVM_VERSION}`,
} as const;

/** What the sources' style is checked with, and what looks through them for mistakes. */
export const CLANG_FORMAT = `clang-format-${LLVM_VERSION}`;
export const CLANG_TIDY = `clang-tidy-${LLVM_VERSION}`;

/** The version of the system's ICU that V8 and the runtime are compiled for. */
export async function icuVersion(): Promise<string> {
  return (await capture('pkg-config', ['--modversion', 'icu-i18n'])).trim();
}

/** The compiler's own description of its version, which tells packages' revisions apart. */
export async function compilerVersion(): Promise<string> {
  const text = await capture(TOOLCHAIN.cxx, ['--version']);
  return (text.split('\n')[0] ?? '').trim();
}
