#!/usr/bin/env node
// The program of a checkout. It is JavaScript, unlike what it runs: that is compiled where a source has
// changed, so that `npx shredder` works right after `npm ci` and after any edit.
import { pathToFileURL } from 'node:url';
import { upToDateProgram } from './up_to_date.js';

try {
  const { main } = await import(pathToFileURL(await upToDateProgram()).href);
  process.exitCode = await main(process.argv);
} catch (error) {
  // What `main` throws it has not caught itself: the sources do not compile, or cannot be loaded.
  process.stderr.write(`shredder: ${error.isForUser ? error.message : error.stack}\n`);
  process.exitCode = 1;
}
