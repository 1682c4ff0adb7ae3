import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { endpointOf, withClient } from '../client/connection.ts';
import { argsOfJson } from '../client/json_args.ts';
import { splitOperands } from '../client/operands.ts';
import { withEndpointOptions, type EndpointOptions } from '../client/options.ts';
import { EXACT_REPLIES, formatReply, replyToJson, type Reply } from '../client/reply.ts';
import { UserError } from '../errors.ts';
import { withSource } from '../source/explain.ts';
import { SourceFinder } from '../source/find.ts';

interface CallOptions extends EndpointOptions {
  readOnly?: boolean;
  json?: boolean;
  jsonArgs?: string;
}

/** `shredder call NAME [keys...] [-- args...]`: FCALL, readably. */
export function callCommand(): Command {
  return withEndpointOptions(new Command('call'))
    .usage('[options] <function> [keys...] [-- args...]')
    .argument('<function>', "the function's name")
    .argument('[keys...]', 'its keys; behind `--`, its further arguments')
    .option('--read-only', 'call with FCALL_RO: refuse a function that may write')
    .option('--json', 'print JSON; bytes that are no UTF-8 as {"base64": "..."}')
    .option(
      '--json-args <array>',
      'the arguments as a JSON array, `-` for stdin; objects stay JSON',
    )
    .addHelpText(
      'after',
      `
Examples:
  shredder call countFriends 107 -- 4
  shredder call add cart:7 -- '{"sku":"a"}'
  jq -c '[.items[]]' order.json | shredder call order cart:7 --json --json-args -`,
    )
    .action(async (name: string, operands: string[], options: CallOptions) => {
      const endpoint = endpointOf(options);
      const { before: keys, behind } = splitOperands(operands, process.argv);
      const args = [...behind, ...(await jsonArgsOf(options, behind))];
      const command = options.readOnly === true ? 'FCALL_RO' : 'FCALL';
      const reply = await withClient(
        endpoint,
        async (client) =>
          (await client.callBuffer(command, [name, keys.length, ...keys, ...args])) as Reply,
        EXACT_REPLIES,
      ).catch((error: unknown) => {
        const { stderr } = process;
        const finder = new SourceFinder([process.cwd()], process.cwd());
        throw withSource(error, finder, stderr.isTTY && stderr.hasColors());
      });
      const { isTTY } = process.stdout;
      const shown =
        options.json === true
          ? replyToJson(reply)
          : formatReply(reply, {
              isForTerminal: isTTY,
              colors: isTTY && process.stdout.hasColors(),
            });
      process.stdout.write(`${shown}\n`);
    });
}

async function jsonArgsOf({ jsonArgs }: CallOptions, behind: readonly string[]): Promise<string[]> {
  if (jsonArgs === undefined) return [];
  if (behind.length > 0) {
    throw new UserError('there are arguments behind `--` and in --json-args', 'Give either.');
  }
  return argsOfJson(jsonArgs === '-' ? await text(process.stdin) : jsonArgs);
}
