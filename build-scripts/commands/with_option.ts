import { Option } from 'commander';
import { EXTRAS } from '../config.ts';

/** `--with`, each time with one of `EXTRAS`; `loadConfig` checks them. */
export function withOption(description: string): Option {
  return new Option('--with <extra>', `${description}: ${EXTRAS.join(', ')}`).argParser(
    (value: string, previous: string[] | undefined) => [...(previous ?? []), value],
  );
}
