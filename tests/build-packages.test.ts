import { chmod, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { aptProgressReader } from '../build-scripts/system/apt.ts';
import { temporaryFolder } from './support/folder.ts';

test("apt's report of an installation is read: what it does, and how many packages are ready", (t) => {
  const read = aptProgressReader();
  const progress = [
    'Reading package lists...',
    'dlstatus:1:0.0000:Retrieving file 1 of 2',
    '0 upgraded, 2 newly installed, 0 to remove and 138 not upgraded.',
    'Get:1 http://mirror.example/debian bookworm/main amd64 hello amd64 2.10-3 [53.1 kB]',
    'dlstatus:2:58.2459:Retrieving file 2 of 2',
    'pmstatus:dpkg-exec:0.0000:Running dpkg',
    'pmstatus:hello:23.0769:Unpacking hello (amd64)',
    'pmstatus:hello:76.9231:Installed hello (amd64)',
    'pmstatus:libc6:amd64:84.6154:Configuring libc6:amd64 (amd64)',
    'pmstatus:libc6:amd64:92.3077:Installed libc6:amd64 (amd64)',
  ].map(read);
  t.deepEqual(
    progress.map((each) => each && `${each.doing} ${each.done}/${each.total}`),
    [
      undefined,
      'Retrieving file 1 of 2 0/0',
      undefined,
      undefined,
      'Retrieving file 2 of 2 0/2',
      'Running dpkg 0/2',
      'Unpacking hello (amd64) 0/2',
      'Installed hello (amd64) 1/2',
      'Configuring libc6:amd64 (amd64) 1/2',
      'Installed libc6:amd64 (amd64) 2/2',
    ],
  );
});

test('all missing packages are installed by one apt-get, and named', async (t) => {
  const folder = await temporaryFolder(t, {
    // Tools of a machine that has nothing, and an apt-get that makes a command of each package.
    'bin/dpkg-query': '#!/bin/sh\nexit 1\n',
    'bin/installed': '#!/bin/sh\n',
    'bin/apt-get':
      '#!/bin/sh\necho "$@" >> calls\n' +
      'for name; do case $name in made-up-*) cp bin/installed "bin/$name";; esac; done\n',
    'install.mts': `
      import { ensurePackages } from '${path.resolve('build-scripts/system/packages.ts')}';
      import { Steps } from '${path.resolve('build-scripts/ui/steps.ts')}';
      process.getuid = () => 0;
      const packages = ['made-up-one', 'made-up-two', 'made-up-three'].map((name) => ({
        name,
        provides: { commands: [name] },
      }));
      await new Steps().run('Packages', (step) => ensurePackages(packages, step, 'log'));
    `,
  });
  for (const name of ['dpkg-query', 'installed', 'apt-get']) {
    await chmod(path.join(folder, 'bin', name), 0o755);
  }
  const { stderr } = await execa('node', ['--import', import.meta.resolve('tsx'), 'install.mts'], {
    cwd: folder,
    env: { PATH: `${path.join(folder, 'bin')}:${process.env['PATH']}` },
  });
  t.regex(stderr, /installing made-up-one made-up-two made-up-three\n/);
  t.regex(stderr, /✓ Packages: installed 3/);
  const calls = (await readFile(path.join(folder, 'calls'), 'utf8')).trimEnd().split('\n');
  t.is(calls.length, 2);
  t.regex(calls[0] ?? '', /^update /);
  t.regex(calls[1] ?? '', /^install .* made-up-one made-up-two made-up-three$/);
});
