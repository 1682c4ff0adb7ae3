import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import path from 'node:path';
import { EXTRAS, type Config, type Extra } from '../config.ts';
import { messageOf } from '../errors.ts';
import { capture } from './command.ts';
import { listFolders } from './files.ts';
import { BUILD_PACKAGES, EXTRA_PACKAGES, missingPackages, TEST_PACKAGES } from './packages.ts';
import { compilerVersion, LLVM_VERSION, TOOLCHAIN } from './toolchain.ts';

/** One line of a diagnosis. */
export interface Finding {
  level: 'ok' | 'warn' | 'fail';
  subject: string;
  text: string;
  /** What to do, where something is to be done. */
  remedy?: string;
}

/** A first build leaves 0.8 GB in the cache, and later results 0.1 GB each. */
const NEEDED_BYTES = 2 * 1024 ** 3;
const MIN_NODE = [20, 17] as const;
/** The system call's number, the same on all architectures. */
const IO_URING_SETUP = 425;
const EFAULT = 14;
const EINVAL = 22;
/** io_uring as the runtime uses it. */
const MIN_URING_KERNEL = [6, 0] as const;

/** Checks this machine; never throws for what it finds. */
export async function diagnose(config: Config): Promise<Finding[]> {
  return [
    checkNode(process.versions.node),
    checkArchitecture(),
    await checkPackages(),
    ...(await Promise.all(EXTRAS.map(checkExtra))),
    await checkCompiler(),
    await checkCache(config.cache),
    await checkSpace(config.cache),
    checkKernel(release()),
    await checkUring(),
    await checkBuild(config.cache),
  ];
}

/** Whether Node.js itself is new enough. */
export function checkNode(version: string): Finding {
  if (isAtLeast(version, MIN_NODE)) return { level: 'ok', subject: 'Node.js', text: version };
  return {
    level: 'fail',
    subject: 'Node.js',
    text: `${version} is too old`,
    remedy: `Install Node.js ${MIN_NODE.join('.')} or later.`,
  };
}

/** Whether the kernel is new enough for the io_uring event loop; epoll serves any. */
export function checkKernel(version: string): Finding {
  if (isAtLeast(version, MIN_URING_KERNEL))
    return { level: 'ok', subject: 'kernel', text: version };
  return {
    level: 'warn',
    subject: 'kernel',
    text: `${version} is older than ${MIN_URING_KERNEL.join('.')}: the server will use epoll`,
  };
}

function checkArchitecture(): Finding {
  const text = `${process.platform} ${process.arch}`;
  if (process.platform !== 'linux') {
    return {
      level: 'fail',
      subject: 'system',
      text: `${text} is not Linux`,
      remedy: 'Use Linux, in a virtual machine say.',
    };
  }
  if (process.arch === 'x64') return { level: 'ok', subject: 'system', text };
  return { level: 'warn', subject: 'system', text: `${text}: only x64 is tested` };
}

async function checkPackages(): Promise<Finding> {
  const subject = 'system packages';
  const names = (await missingPackages(BUILD_PACKAGES)).map((each) => each.name);
  const forTests = (await missingPackages(TEST_PACKAGES)).map((each) => each.name);
  if (names.length > 0) {
    return {
      level: 'fail',
      subject,
      text: `missing: ${names.join(' ')}`,
      remedy: `apt-get install --no-install-recommends ${names.join(' ')} (as root, \`shredder build\` does it)`,
    };
  }
  if (forTests.length > 0) {
    return {
      level: 'warn',
      subject,
      text: `missing for tests and benches: ${forTests.join(' ')}`,
      remedy: `apt-get install --no-install-recommends ${forTests.join(' ')} (as root, \`npm test\` does it)`,
    };
  }
  return { level: 'ok', subject, text: 'all there' };
}

/** What only a build with an extra needs may be missing. */
async function checkExtra(extra: Extra): Promise<Finding> {
  const subject = `packages of --with ${extra}`;
  const names = (await missingPackages(EXTRA_PACKAGES[extra])).map((each) => each.name);
  if (names.length === 0) return { level: 'ok', subject, text: 'all there' };
  return {
    level: 'ok',
    subject,
    text: `optional, not installed: ${names.join(' ')} (as root, \`shredder build --with ${extra}\` installs it)`,
  };
}

async function checkCompiler(): Promise<Finding> {
  try {
    return { level: 'ok', subject: 'compiler', text: await compilerVersion() };
  } catch {
    return {
      level: 'fail',
      subject: 'compiler',
      text: `${TOOLCHAIN.cxx} does not run`,
      remedy: `Install the package clang-${LLVM_VERSION}.`,
    };
  }
}

async function checkCache(cache: string): Promise<Finding> {
  const probe = path.join(cache, `probe.partial-${process.pid}`);
  try {
    await mkdir(cache, { recursive: true });
    await writeFile(probe, '');
    await rm(probe);
    return { level: 'ok', subject: 'cache', text: cache };
  } catch (error) {
    return {
      level: 'fail',
      subject: 'cache',
      text: `cannot write: ${messageOf(error)}`,
      remedy: 'Name a folder of yours in SHREDDER_CACHE.',
    };
  }
}

async function checkSpace(cache: string): Promise<Finding> {
  const subject = 'disk space';
  try {
    const { bavail, bsize } = await statfs(cache);
    const free = bavail * bsize;
    const text = `${(free / 1024 ** 3).toFixed(1)} GiB free`;
    if (free >= NEEDED_BYTES) return { level: 'ok', subject, text };
    return {
      level: 'warn',
      subject,
      text: `${text}, a build takes up to ${NEEDED_BYTES / 1024 ** 3} GiB`,
      remedy: 'Make room, or name a folder elsewhere in SHREDDER_CACHE.',
    };
  } catch (error) {
    return { level: 'warn', subject, text: `unknown: ${messageOf(error)}` };
  }
}

/** Asks the kernel itself: containers may forbid what the kernel's settings allow. */
async function checkUring(): Promise<Finding> {
  const subject = 'io_uring';
  const script = [
    'import ctypes',
    'libc = ctypes.CDLL(None, use_errno=True)',
    `libc.syscall(${IO_URING_SETUP}, 0, None)`,
    'print(ctypes.get_errno())',
  ].join('\n');
  const errno = await capture('python3', ['-c', script]).catch(() => undefined);
  if (errno === undefined) return { level: 'warn', subject, text: 'unknown: python3 does not run' };
  // A call without arguments is invalid; another answer is that of a kernel that does not listen.
  if (Number(errno) === EINVAL || Number(errno) === EFAULT) {
    return { level: 'ok', subject, text: 'available' };
  }
  return {
    level: 'warn',
    subject,
    text: `not available (errno ${errno}): the server will use epoll`,
    remedy: 'Allow it: sysctl kernel.io_uring_disabled=0, or the seccomp profile of the container.',
  };
}

async function checkBuild(cache: string): Promise<Finding> {
  const built: string[] = [];
  for (const tree of await listFolders(path.join(cache, 'v8'))) {
    const results = await listFolders(path.join(cache, 'v8', tree, 'dist'));
    built.push(...results.filter((name) => !name.includes('.partial-')));
  }
  const runtimes = await listFolders(path.join(cache, 'runtime', 'dist'));
  return {
    level: 'ok',
    subject: 'build',
    text:
      built.length === 0
        ? 'V8 is not built yet; `shredder build` does it in about 10 minutes'
        : `${built.length} builds of V8 and ${runtimes.length} of the runtime in the cache`,
  };
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [hasMajor = 0, hasMinor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return hasMajor > major || (hasMajor === major && hasMinor >= minor);
}
