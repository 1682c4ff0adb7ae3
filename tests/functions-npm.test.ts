// Well-kept npm packages, bundled into a library, give in the store what they give in Node: each module of
// fixtures/npm is deployed as an author's own file, and its functions are called in both.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { Ajv } from 'ajv';
import standaloneCode from 'ajv/dist/standalone/index.js';
import anyTest, { type TestFn } from 'ava';
import { Redis } from 'ioredis';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import { libraryNameOf } from '../build-scripts/functions/library_name.ts';
import { loadLibrary } from '../build-scripts/functions/load.ts';
import { openProject } from '../build-scripts/functions/project.ts';
import { typeCheck } from '../build-scripts/functions/typecheck.ts';
import { startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';

const FOLDER = fileURLToPath(new URL('fixtures/npm', import.meta.url));

/** Modules of the folder by the packages that they are about. */
const PACKAGES = [
  'ajv',
  'crypto-js',
  'd3-array',
  'date-fns',
  'decimal',
  'fflate',
  'graphology',
  'immer',
  'json-bigint',
  'lodash',
  'lodash-es',
  'luxon',
  'ml-matrix',
  'msgpackr',
  'nanoid',
  'papaparse',
  'protobufjs',
  'superjson',
  'uuid',
  'zod',
];

/** A text of several scripts, and a number: the arguments of every call. */
const ARGUMENTS = ['Crème Brûlée – 漢字 😀 & more', '23'];

/** Local times are of this zone, in both. */
process.env['TZ'] = 'UTC';

type Module = Readonly<
  Record<string, (keys: string[], args: string[]) => string | Promise<string>>
>;

const test = anyTest as TestFn;
let server: Server;
let client: Redis;

test.before(async () => {
  server = await startServer({});
  client = new Redis({ port: server.port });
});

test.after.always(async (t) => {
  client?.disconnect();
  if (server !== undefined) await stopsWell(t, server);
});

for (const name of PACKAGES) {
  test.serial(`${name} gives in the store what it gives in Node`, async (t) => {
    const file = path.join(FOLDER, `${name}.ts`);
    const library = libraryNameOf(file);
    const project = openProject(file);
    t.is(stripVTControlCharacters(typeCheck(project)?.text ?? ''), '');
    await client.call('FUNCTION', ['FLUSH']);
    await loadLibrary(client, await bundleLibrary(project, library));

    const module = (await import(pathToFileURL(file).href)) as Module;
    const functions = Object.keys(module);
    t.true(functions.length > 0);
    for (const fn of functions) {
      const inStore = await client.call('FCALL', [fn, 0, ...ARGUMENTS]);
      const inNode = await module[fn]?.([], [...ARGUMENTS]);
      t.deepEqual(JSON.parse(String(inStore)), JSON.parse(String(inNode)), fn);
    }
  });
}

test('the standalone code is what ajv makes of the schema', async (t) => {
  const folder = path.join(FOLDER, 'generated');
  const schema = JSON.parse(await readFile(path.join(folder, 'person_schema.json'), 'utf8'));
  const ajv = new Ajv({ code: { source: true, lines: true }, allErrors: true, useDefaults: true });
  ajv.addSchema(schema);
  const code = standaloneCode.default(ajv, { validate: 'person' });
  t.is(await readFile(path.join(folder, 'person.cjs'), 'utf8'), `${code}\n`);
});
