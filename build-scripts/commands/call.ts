import { Command } from 'commander';
import { endpointOf, withClient } from '../client/connection.ts';
import { splitOperands } from '../client/operands.ts';
import { withEndpointOptions, type EndpointOptions } from '../client/options.ts';
import { EXACT_REPLIES, formatReply, replyToJson, type Reply } from '../client/reply.ts';

interface CallOptions extends EndpointOptions {
  readOnly?: boolean;
  json?: boolean;
}

/** `shredder call NAME [keys...] [-- args...]`: FCALL, readably. */
export function callCommand(): Command {
  return withEndpointOptions(new Command('call'))
    .usage('[options] <function> [keys...] [-- args...]')
    .argument('<function>', "the function's name")
    .argument('[keys...]', 'its keys; behind `--`, its further arguments')
    .option('--read-only', 'call with FCALL_RO: refuse a function that may write')
    .option('--json', 'print JSON; bytes that are no UTF-8 as {"base64": "..."}')
    .addHelpText('after', '\nExample:\n  shredder call countFriends 107 -- 4')
    .action(async (name: string, operands: string[], options: CallOptions) => {
      const endpoint = endpointOf(options);
      const { before: keys, behind: args } = splitOperands(operands, process.argv);
      const command = options.readOnly === true ? 'FCALL_RO' : 'FCALL';
      const reply = await withClient(
        endpoint,
        async (client) =>
          (await client.callBuffer(command, [name, keys.length, ...keys, ...args])) as Reply,
        EXACT_REPLIES,
      );
      const text =
        options.json === true ? replyToJson(reply) : formatReply(reply, process.stdout.isTTY);
      process.stdout.write(`${text}\n`);
    });
}
