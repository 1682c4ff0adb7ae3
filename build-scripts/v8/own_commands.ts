import { capture } from '../system/command.ts';
import { CHECKOUT, type KeptCommand, keep } from '../system/compile_commands.ts';
import { BUILTINS_FOLDER, OWN_FOLDER } from './settings.ts';

/**
 * How the project's own files in V8 are compiled: with V8's flags, in V8's build folder, but as
 * files of the checkout, whose headers come before their copies in V8's tree.
 */
export async function ownCommands(buildFolder: string): Promise<KeptCommand[]> {
  return selectOwn(await capture('ninja', ['-t', 'compdb', 'cxx'], { cwd: buildFolder }));
}

/** Selects them from what `ninja -t compdb` prints. */
export function selectOwn(json: string): KeptCommand[] {
  const own = new Map<string, KeptCommand>();
  for (const { file, command } of JSON.parse(json) as KeptCommand[]) {
    const [copy] = new RegExp(`^(\\.\\./)*${OWN_FOLDER}(?=/)`).exec(file) ?? [];
    // Some files are listed in two targets.
    if (copy === undefined || own.has(file)) continue;
    // Whoever runs it must not change what ninja knows of V8's build.
    const [compiler = '', ...flags] = command.replace(/ -MMD -MF \S+| -o \S+/g, '').split(' ');
    const ofCheckout = [compiler, `-I${CHECKOUT}`, ...flags].join(' ');
    own.set(file, keep({ file, command: ofCheckout }, copy, BUILTINS_FOLDER));
  }
  return [...own.values()];
}
