import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { DESCRIPTION_FILE, descriptionText, readRuntimeGlobals } from '../globals/runtime.ts';
import { ensureRuntime } from '../runtime/build.ts';
import { Steps } from '../ui/steps.ts';

/** `shredder globals`: writes down what the runtime's functions find. */
export function globalsCommand(): Command {
  return new Command('globals').action(async () => {
    const config = loadConfig();
    const steps = new Steps();
    const { binDir } = await ensureRuntime(config, steps);
    await steps.run('Globals', async () => {
      const globals = await readRuntimeGlobals(path.join(binDir, 'shredderd'));
      await writeFile(DESCRIPTION_FILE, descriptionText(globals));
    });
  });
}
