// The packages as others install them, without a network: unpacked from their tarballs, with what they need of
// npm's linked from this checkout.
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { CHECKOUT, shredder } from './command_line.ts';

/** What the packages depend on, and what projects have besides. */
const LINKED = [
  '@jridgewell/trace-mapping',
  '@types/node',
  'commander',
  'esbuild',
  'ioredis',
  'tsx',
  'ws',
  'zod',
];

/** Both tarballs, and what is in them. */
export interface PackedPackages {
  /** The folder of the tarballs. */
  folder: string;
  /** The folder with the unpacked packages, by their names. */
  unpacked: string;
  remove: () => Promise<void>;
}

/** Packs them as one does who is in another folder than the checkout. */
export async function packPackages(): Promise<PackedPackages> {
  const folder = await mkdtemp(path.join(tmpdir(), 'shredder packages-'));
  const { exitCode, stdout, stderr } = await shredder(['pack'], { cwd: folder });
  if (exitCode !== 0) throw new Error(`shredder pack: ${stderr}`);
  const tarballs = stdout.split('\n').map((name) => path.join(folder, name));
  const unpacked = path.join(folder, 'unpacked');
  for (const tarball of tarballs) {
    const [, name = ''] = /([\w-]+)-\d[^/]*\.tgz$/.exec(tarball) ?? [];
    await mkdir(path.join(unpacked, name), { recursive: true });
    const into = ['--directory', path.join(unpacked, name), '--strip-components', '1'];
    await execa('tar', ['--extract', '--file', tarball, ...into]);
  }
  return {
    folder,
    unpacked,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Has `node_modules` of a folder as npm leaves it, with a TypeScript of the checkout's. */
export async function installPackages(
  { unpacked }: PackedPackages,
  folder: string,
  typescript = 'typescript',
): Promise<void> {
  const modules = path.join(folder, 'node_modules');
  const link = async (from: string, to: string): Promise<void> => {
    await mkdir(path.dirname(path.join(modules, to)), { recursive: true });
    await symlink(from, path.join(modules, to));
  };
  const ofCheckout = (name: string): string => path.join(CHECKOUT, 'node_modules', name);
  await cp(unpacked, modules, { recursive: true });
  for (const name of LINKED) await link(ofCheckout(name), name);
  await link(ofCheckout(typescript), 'typescript');
  // That of the project is another's version.
  await link(ofCheckout('typescript'), 'shredder-cli/node_modules/typescript');
  await link('../shredder-cli/bin/shredder.js', '.bin/shredder');
  await link('../typescript/bin/tsc', '.bin/tsc');
}
