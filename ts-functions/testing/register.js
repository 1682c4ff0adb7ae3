// `node --import shredder-functions/register`: resolves `shredder:store` to the test double.

// The functions and their tests may be TypeScript, as the double's own source is: where nothing here
// can load that yet, tsx can.
if (!process.features.typescript) {
  try {
    await import('./typescript_probe.ts');
  } catch (error) {
    if (error.code !== 'ERR_UNKNOWN_FILE_EXTENSION') throw error;
    try {
      await import('tsx');
    } catch (missing) {
      // JavaScript needs none.
      if (missing.code !== 'ERR_MODULE_NOT_FOUND') throw missing;
    }
  }
}
await import('./register.cjs');

export {};
