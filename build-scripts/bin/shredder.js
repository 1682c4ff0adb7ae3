#!/usr/bin/env node
// The program is TypeScript run as it stands: tsx is registered here, so that `npx shredder` works
// in a checkout right after `npm ci`, with nothing compiled.
import { register } from 'tsx/esm/api';

register();
const { main } = await import('../main.ts');
process.exitCode = await main(process.argv);
