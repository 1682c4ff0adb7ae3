import { Command, InvalidArgumentError } from 'commander';
import { endpointOf, withClient } from '../client/connection.ts';
import { LOG_LEVELS, LogReader, readLog, type LogLine } from '../client/log.ts';
import { withEndpointOptions, type EndpointOptions } from '../client/options.ts';
import { pause, withSteadyClient } from '../client/steady.ts';
import { SourceFinder } from '../source/find.ts';
import { untilInterrupted } from '../ui/interruption.ts';
import { LogPrinter } from '../source/log_printer.ts';

const POLL_MS = 250;

interface LogsOptions extends EndpointOptions {
  since?: number;
  count?: number;
  follow?: boolean;
  level?: string[];
  json?: boolean;
}

/** `shredder logs`: FUNCTION LOG, readably. */
export function logsCommand(): Command {
  return withEndpointOptions(new Command('logs'))
    .description("print what the tenant's functions have logged")
    .option('--since <id>', 'only lines behind this one', parseCount)
    .option('--count <n>', 'only the last n of these', parseCount)
    .option('--follow', 'go on with lines as they come, until Ctrl-C')
    .option('--level <names>', `only of these levels, of ${LOG_LEVELS.join(',')}`, parseLevels)
    .option('--json', 'print JSON, a line each')
    .addHelpText('after', '\nExample:\n  shredder logs --follow --level warn,error')
    .action(async (options: LogsOptions) => {
      const endpoint = endpointOf(options);
      const print = printerFor(options);
      await untilInterrupted(async (signal) => {
        if (options.follow !== true) {
          const lines = await withClient(endpoint, (client) => readLog(client, options.since));
          print(lastOf(lines.filter(wanted(options)), options.count));
          return;
        }
        const reader = new LogReader(options.since);
        let isFirst = true;
        await withSteadyClient(
          endpoint,
          signal,
          async (client) => {
            reader.reconnected();
            while (!signal.aborted) {
              const lines = (await reader.next(client))?.filter(wanted(options));
              print(isFirst ? lastOf(lines ?? [], options.count) : (lines ?? []));
              isFirst &&= lines === undefined;
              await pause(POLL_MS, signal);
            }
          },
          ({ message }) => process.stderr.write(`shredder: ${message}; waiting for it\n`),
        );
      });
    });
}

function printerFor(options: LogsOptions): (lines: readonly LogLine[]) => void {
  const printer = new LogPrinter(new SourceFinder([process.cwd()], process.cwd()), {
    colors: process.stdout.isTTY && process.stdout.hasColors(),
    // Of what else is logged the author knows where, and a pipe wants a line each.
    sourceLevels: ['error'],
  });
  return (lines) => {
    const texts = lines.map((line) =>
      options.json === true ? JSON.stringify(line) : printer.format(line),
    );
    if (texts.length > 0) process.stdout.write(texts.map((text) => `${text}\n`).join(''));
  };
}

function wanted({ level }: LogsOptions): (line: LogLine) => boolean {
  return (line) => level?.includes(line.level) ?? true;
}

function lastOf(lines: readonly LogLine[], count = Infinity): LogLine[] {
  return count === 0 ? [] : lines.slice(-count);
}

function parseCount(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

function parseLevels(text: string): string[] {
  const levels = text.split(',').map((each) => each.trim().toLowerCase());
  const unknown = levels.find((each) => !(LOG_LEVELS as readonly string[]).includes(each));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`There is no level "${unknown}".`);
  }
  return levels;
}
