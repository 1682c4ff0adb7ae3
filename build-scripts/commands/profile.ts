import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Command } from 'commander';
import type { Redis } from 'ioredis';
import { endpointOf, withClient } from '../client/connection.ts';
import { splitOperands } from '../client/operands.ts';
import { withEndpointOptions, type EndpointOptions } from '../client/options.ts';
import { UserError } from '../errors.ts';
import type { CpuProfile } from '../profile/cpu_profile.ts';

interface ProfileOptions extends EndpointOptions {
  seconds: string;
  watch?: boolean;
  out?: string;
  root: string;
}

const MAX_SECONDS = 600;
const SHOWN_FUNCTIONS = 12;

/** `shredder profile NAME [keys...] [-- args...]`: where a function's time goes. */
export function profileCommand(): Command {
  return withEndpointOptions(new Command('profile'))
    .description('call a function again and again, and write a CPU profile and a flame graph')
    .usage('[options] <function> [keys...] [-- args...]')
    .argument('<function>', "the function's name")
    .argument('[keys...]', 'its keys; behind `--`, its further arguments')
    .option('--seconds <n>', 'for so long', '3')
    .option('--watch', 'call nothing: profile what others call')
    .option('--out <name>', "the files' name without its ending (default: the function's)")
    .option('--root <folder>', "where the library's file lies", '.')
    .addHelpText(
      'after',
      '\nExample:\n  shredder profile countFriends 107 -- 4\n' +
        "writes countFriends.cpuprofile, for Chrome's and VS Code's profilers, and countFriends.svg.",
    )
    .action(async (name: string, operands: string[], options: ProfileOptions) => {
      const endpoint = endpointOf(options);
      const ms = durationOf(options.seconds);
      const { before: keys, behind: args } = splitOperands(operands, process.argv);
      const command = [name, keys.length, ...keys, ...args];
      const root = path.resolve(options.root);
      const { recordProfile } = await import('../profile/record.ts');
      let calls = 0;
      const profile = await withClient(endpoint, (session) =>
        withClient(endpoint, (client) =>
          recordProfile(
            session,
            async () => {
              if (options.watch === true) await sleep(ms);
              else calls = await callFor(client, command, ms);
            },
            (source) => pathToFileURL(path.resolve(root, source)).href,
          ),
        ),
      );
      const files = await writeProfile(profile, options.out ?? name, name);
      const { functionTimes } = await import('../profile/cpu_profile.ts');
      const times = functionTimes(profile);
      const how = options.watch === true ? 'what others called' : `${calls} calls`;
      process.stdout.write(`${tableOf(times, how)}\n${files.join('\n')}\n`);
    });
}

function durationOf(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= MAX_SECONDS)) {
    throw new UserError(`--seconds is ${text}, but must be a number up to ${MAX_SECONDS}`);
  }
  return seconds * 1000;
}

/** @returns how many calls there were. */
async function callFor(client: Redis, command: (string | number)[], ms: number): Promise<number> {
  const end = performance.now() + ms;
  let calls = 0;
  do {
    await client.call('FCALL', command);
    calls++;
  } while (performance.now() < end);
  return calls;
}

async function writeProfile(profile: CpuProfile, out: string, name: string): Promise<string[]> {
  const { flameGraph } = await import('../profile/flame_graph.ts');
  const files = [`${out}.cpuprofile`, `${out}.svg`];
  await writeFile(files[0] as string, JSON.stringify(profile));
  await writeFile(files[1] as string, flameGraph(profile, name));
  return files;
}

function tableOf(
  times: readonly { name: string; place: string; selfUs: number; totalUs: number }[],
  how: string,
): string {
  const busy = times.filter(({ name }) => name !== '(idle)' && name !== '(root)');
  const allUs = busy.reduce((sum, { selfUs }) => sum + selfUs, 0);
  const share = (us: number): string =>
    `${((allUs > 0 ? us / allUs : 0) * 100).toFixed(1)} %`.padStart(8);
  const rows = busy
    .slice(0, SHOWN_FUNCTIONS)
    .map(({ name, place, selfUs, totalUs }) =>
      `${share(selfUs)} ${share(totalUs)}  ${name}  ${place}`.trimEnd(),
    );
  const head = `${'self'.padStart(8)} ${'total'.padStart(8)}  of ${(allUs / 1000).toFixed(1)} ms, ${how}`;
  return [head, ...rows].join('\n');
}
