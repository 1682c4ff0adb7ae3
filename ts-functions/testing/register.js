// `node --import shredder-functions/register`: resolves `shredder:store` to the test double.
import { register } from 'node:module';

// The functions and the double are TypeScript; where nothing here can load that yet, tsx can.
try {
  await import('./typescript_probe.ts');
} catch (error) {
  if (error.code !== 'ERR_UNKNOWN_FILE_EXTENSION') throw error;
  await import('tsx');
}
register('./hooks.js', import.meta.url);
