import type { Extra } from '../config.ts';
import { UserError } from '../errors.ts';
import type { Step } from '../ui/steps.ts';
import { APT_PROGRESS_OPTIONS, aptProgressReader } from './apt.ts';
import { capture, commandExists, run } from './command.ts';
import { exists } from './files.ts';
import { CLANG_FORMAT, CLANG_TIDY, LLVM_VERSION, TOOLCHAIN } from './toolchain.ts';

/** A Debian package and what of it to look for where dpkg is not to be asked. */
export interface SystemPackage {
  name: string;
  /** Commands that it installs, or a header that the compiler must find. */
  provides: { commands: readonly string[] } | { header: string };
  /** A service that the package would start and enable, which is not wanted here. */
  service?: string;
}

const command = (name: string, ...commands: string[]): SystemPackage => ({
  name,
  provides: { commands: commands.length === 0 ? [name] : commands },
});
const header = (name: string, file: string): SystemPackage => ({
  name,
  provides: { header: file },
});

/** What a build needs. */
export const BUILD_PACKAGES: readonly SystemPackage[] = [
  command(`clang-${LLVM_VERSION}`, TOOLCHAIN.cc, TOOLCHAIN.cxx),
  command(`lld-${LLVM_VERSION}`, TOOLCHAIN.lld),
  command(`llvm-${LLVM_VERSION}`, TOOLCHAIN.ar),
  command('ninja-build', 'ninja'),
  command('cmake'),
  command('python3'),
  command('git'),
  command('xz-utils', 'xz'),
  command('pkg-config'),
  header('libssl-dev', 'openssl/ssl.h'),
  header('liburing-dev', 'liburing.h'),
  header('libicu-dev', 'unicode/uvernum.h'),
  header('libseccomp-dev', 'seccomp.h'),
  header('libspdlog-dev', 'spdlog/spdlog.h'),
  header('libfmt-dev', 'fmt/format.h'),
  header('libcli11-dev', 'CLI/CLI.hpp'),
  header('libtomlplusplus-dev', 'toml++/toml.h'),
  header('nlohmann-json3-dev', 'nlohmann/json.hpp'),
  header('libgtest-dev', 'gtest/gtest.h'),
  header('libgmock-dev', 'gmock/gmock.h'),
  header('libbenchmark-dev', 'benchmark/benchmark.h'),
];

/** What a build with an extra needs besides. */
export const EXTRA_PACKAGES: Readonly<Record<Extra, readonly SystemPackage[]>> = {
  dpdk: [header('libdpdk-dev', 'dpdk/rte_ethdev.h')],
};

/** What the check of the sources' style needs. */
export const STYLE_PACKAGES: readonly SystemPackage[] = [command(CLANG_FORMAT)];

/** What `shredder tidy` needs besides. */
export const TIDY_PACKAGES: readonly SystemPackage[] = [command(CLANG_TIDY)];

/** What the tests and benches need besides: the clients and the server to compare with. */
export const TEST_PACKAGES: readonly SystemPackage[] = [
  ...STYLE_PACKAGES,
  { ...command('redis-server'), service: 'redis-server.service' },
  command('redis-tools', 'redis-cli', 'redis-benchmark'),
];

/** Folders that the compiler searches for headers without being told. */
const INCLUDE_FOLDERS = ['/usr/include', '/usr/local/include'];

/** The packages that are missing on this machine. */
export async function missingPackages(
  packages: readonly SystemPackage[],
): Promise<SystemPackage[]> {
  const installed = await installedPackages(packages);
  if (installed !== undefined) {
    const missing = packages.filter((each) => !installed.has(each.name));
    if (missing.length === 0) return [];
    // What stands on the PATH by other means than dpkg serves as well.
    return await withoutPresent(missing);
  }
  return await withoutPresent(packages);
}

/**
 * Installs what is missing with apt, all at once, each package named; without root, fails with the
 * one command to type.
 */
export async function ensurePackages(
  packages: readonly SystemPackage[],
  step: Step,
  log: string,
): Promise<void> {
  const absent = await missingPackages(packages);
  const missing = absent.map((each) => each.name);
  if (missing.length === 0) {
    step.detail('all there');
    return;
  }
  const listed = missing.join(' ');
  if (!(await commandExists('apt-get'))) {
    throw new UserError(
      `missing, and there is no apt-get to install it: ${listed}`,
      "Install what these Debian packages hold with your system's own package manager.",
    );
  }
  if (process.getuid?.() !== 0) {
    throw new UserError(
      `system packages are missing: ${listed}`,
      `Type: sudo sh -c 'apt-get update && apt-get install --yes --no-install-recommends ${listed}'`,
    );
  }
  // A package must not start its service here: in run level 1 none is started (invoke-rc.d), and
  // offline, systemctl leaves the running system alone (deb-systemd-invoke).
  const quiet = { RUNLEVEL: '1', SYSTEMD_OFFLINE: '1' };
  const env = { ...quiet, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  step.detail("reading apt's index");
  await run('apt-get', ['update', '--quiet'], { env, log });
  step.note(`installing ${listed}`);
  const args = ['install', '--yes', '--quiet', '--no-install-recommends', ...APT_PROGRESS_OPTIONS];
  const read = aptProgressReader();
  await run('apt-get', [...args, ...missing], {
    env,
    log,
    onLine: (line) => {
      const progress = read(line);
      if (progress === undefined) return;
      step.detail(progress.doing);
      step.progress(progress.done, progress.total);
    },
  });
  for (const { service } of absent) {
    if (service !== undefined) await disableService(service, log);
  }
  const still = (await missingPackages(packages)).map((each) => each.name);
  if (still.length > 0) throw new UserError(`apt did not install ${still.join(' ')}`);
  step.detail(`installed ${missing.length}`);
}

/** Keeps a service that was just installed from starting with the machine. */
async function disableService(service: string, log: string): Promise<void> {
  if (!(await exists('/run/systemd/system'))) return;
  await run('systemctl', ['disable', '--quiet', service], { log, accept: [1] });
}

/** Names of those packages that dpkg has installed; undefined where there is no dpkg. */
async function installedPackages(
  packages: readonly SystemPackage[],
): Promise<Set<string> | undefined> {
  if (!(await commandExists('dpkg-query'))) return undefined;
  const names = packages.map((each) => each.name);
  const format = '${db:Status-Abbrev}\t${Package}\n';
  // dpkg-query exits with 1 where one of the names is unknown, and still lists the others.
  const { output } = await run('dpkg-query', ['--show', '--showformat', format, ...names], {
    accept: [1],
    env: { LC_ALL: 'C' },
  });
  const installed = output
    .split('\n')
    .flatMap((line) => /^.i. ?\t(\S+)$/.exec(line)?.[1] ?? [])
    .map((name) => name.replace(/:.*$/, ''));
  return new Set(installed);
}

async function withoutPresent(packages: readonly SystemPackage[]): Promise<SystemPackage[]> {
  const missing: SystemPackage[] = [];
  for (const each of packages) if (!(await isPresent(each))) missing.push(each);
  return missing;
}

async function isPresent(each: SystemPackage): Promise<boolean> {
  if ('commands' in each.provides) {
    for (const name of each.provides.commands) if (!(await commandExists(name))) return false;
    return true;
  }
  for (const folder of await includeFolders()) {
    if (await exists(`${folder}/${each.provides.header}`)) return true;
  }
  return false;
}

let knownFolders: string[] | undefined;

/** The usual folders and the multi-architecture one, whose name the compiler knows. */
async function includeFolders(): Promise<string[]> {
  if (knownFolders !== undefined) return knownFolders;
  const triple = await capture(TOOLCHAIN.cc, ['-print-target-triple']).catch(() => '');
  const multiarch = triple.replace(/-pc-|-unknown-/, '-');
  knownFolders = [...INCLUDE_FOLDERS];
  if (multiarch !== '') knownFolders.push(`/usr/include/${multiarch}`);
  return knownFolders;
}
