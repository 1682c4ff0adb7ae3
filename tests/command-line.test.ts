// The program `shredder`, as one types it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { shredder } from './support/command_line.ts';

/** Names of subcommands in a help text. */
function subcommandsIn(help: string): string[] {
  const list = help.split(/^Commands:\n/m)[1] ?? '';
  return [...list.matchAll(/^ {2}([a-z]+)\b/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help');
}

for (const name of ['bench', 'patches']) {
  test.serial(`each subcommand of ${name} has a --help of its own`, async (t) => {
    const { exitCode, stdout } = await shredder([name, '--help']);
    t.is(exitCode, 0);
    const nested = subcommandsIn(stdout);
    t.true(nested.length >= 2, stdout);
    for (const each of nested) {
      const help = await shredder([name, each, '--help']);
      t.is(help.exitCode, 0, each);
      t.is(help.stderr, '', each);
      t.regex(help.stdout, new RegExp(`^Usage: shredder ${name} ${each}\\b`));
    }
  });
}

test.serial(
  'doctor has a line for each thing it looks at, and fails only where something is missing',
  async (t) => {
    const { exitCode, stdout } = await shredder(['doctor']);
    const findings = stdout.split('\n').filter((line) => !line.startsWith(' '));
    for (const subject of ['Node.js', 'kernel', 'io_uring']) {
      t.true(
        findings.some((line) => line.includes(subject)),
        subject,
      );
    }
    for (const line of findings) t.regex(line, /^[✓!✗] (ok|warn|fail) +\S.*: \S/);
    t.is(exitCode, findings.some((line) => line.startsWith('✗')) ? 1 : 0);
  },
);

test.serial(
  'demo loads a graph, calls the functions both ways, and checks each answer',
  async (t) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'shredder-demo-'));
    t.teardown(() => rm(folder, { recursive: true }));
    const graph = path.join(folder, 'edges.txt');
    await writeFile(graph, '1 2\n1 3\n2 3\n3 1\n3 4\n');
    const { exitCode, stdout, stderr } = await shredder(['demo', '--graph', graph]);
    t.is(exitCode, 0, stderr);
    t.regex(stdout, /^4 nodes, 5 edges$/m);
    // Node, depth, answer, lookups; then times, which are not judged.
    for (const row of ['1 +1 +2 +1', '1 +4 +14 +10', '3 +3 +7 +5', '2 +2 +3 +2']) {
      t.regex(stdout, new RegExp(`^${row} +[\\d.]+ +[\\d.]+ +[\\d.]+x$`, 'm'));
    }
    t.regex(stdout, /^\$ redis-cli -p \d+ FCALL countFriends 1 1 4\n14$/m);
    t.regex(stdout, /V8 11\.3\.\d+/);

    const absent = await shredder(['demo', '--graph', path.join(folder, 'absent.txt')]);
    t.is(absent.exitCode, 1);
    t.regex(absent.stderr, /^shredder: .*absent\.txt.*$/m);
  },
);
