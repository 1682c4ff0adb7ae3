import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Command } from 'commander';
import type { Redis } from 'ioredis';
import { endpointOf, Unreachable, withClient } from '../client/connection.ts';
import { withEndpointOptions, type EndpointOptions } from '../client/options.ts';
import { messageOf, UserError } from '../errors.ts';
import { untilInterrupted } from '../ui/interruption.ts';
import { printable } from '../ui/printable.ts';

interface DebugOptions extends EndpointOptions {
  port: string;
  root: string;
}

/** `shredder debug [NAME]`: an inspector for Chrome's or VS Code's debugger. */
export function debugCommand(): Command {
  return withEndpointOptions(new Command('debug'))
    .description("let Chrome's or VS Code's debugger see and stop the tenant's functions")
    .argument('[function]', 'the next call of it stops at its first statement')
    .option('--port <n>', 'of the loopback, where the debugger attaches; 0: any', '9229')
    .option('--root <folder>', "where the library's file lies", '.')
    .addHelpText(
      'after',
      '\nExample:\n  shredder debug countFriends --root functions\n' +
        'then open chrome://inspect, or attach VS Code ("type": "node", "request": "attach", "port": 9229).',
    )
    .action(async (name: string | undefined, options: DebugOptions) => {
      const endpoint = endpointOf(options);
      const port = portOf(options.port);
      const baseUrl = `${pathToFileURL(path.resolve(options.root)).href}/`;
      const { startEndpoint } = await import('../debug/endpoint.ts');
      const { DebugSession } = await import('../client/debug_session.ts');
      await withClient(endpoint, async (client) => {
        // What is refused is told before a debugger comes.
        const session = { baseUrl, pauseAt: name };
        const check = await DebugSession.open(client, session, nothing, nothing);
        await check.close();
        const title = `${endpoint.tenant} at ${endpoint.url}`;
        const served = await startEndpoint(port, title, async (frontend) => {
          try {
            const opened = await DebugSession.open(
              client,
              session,
              (message) => frontend.send(message),
              (why) => {
                complain(why);
                frontend.close(why);
              },
            );
            process.stderr.write('A debugger is attached.\n');
            return {
              receive: (message) => opened.send(message),
              close: () => {
                process.stderr.write('The debugger has gone.\n');
                return opened.close();
              },
            };
          } catch (error) {
            complain(messageOf(error));
            throw error;
          }
        });
        process.stdout.write(
          `${served.url}\nOpen chrome://inspect, or attach VS Code; Ctrl-C ends it.\n`,
        );
        try {
          await untilInterrupted((signal) => untilLost(client, endpoint.url, signal));
        } finally {
          await served.close();
        }
      });
    });
}

function nothing(): void {}

function complain(why: string): void {
  process.stderr.write(`shredder: ${printable(why)}\n`);
}

function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) {
    throw new UserError(`--port is ${text}, but must be from 0 to 65535`);
  }
  return port;
}

/** Until `signal` aborts; without the server there is nothing to attach to. */
function untilLost(client: Redis, url: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    client.once('end', () => reject(new Unreachable(`${url} has closed the connection`)));
  });
}
