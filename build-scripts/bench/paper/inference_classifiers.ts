// What classifies the pictures of the figure `inference`, each over a store that has them and the network.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';
import { UserError } from '../../errors.ts';
import { loadLibrary } from '../../functions/load.ts';
import { startServer } from '../../server/shredderd.ts';
import { holdClient } from '../held_client.ts';
import { startResponder } from '../responder.ts';
import type { Timed } from '../turn.ts';
import type { Digit } from './digits.ts';
import { classifyPictures, type Floats } from './inference_kernel.ts';
import { WASM_CLASSIFIERS, wasmInferenceLibrary } from './inference_wasm.ts';
import type { Layer, Network } from './neural_network.ts';

/** In one process with the store: C++, and functions, by what the program calls them. */
const IN_PROCESS = {
  'native-o2': 'native-o2',
  'native-o3': 'native-o3',
  'wasm': 'classify_wasm',
  'wasm-simd': 'classify_wasm_simd',
  'javascript': 'classify',
} as const;
/** As a client waits for functions, */
const CALLED = { 'function': 'classify', 'function-wasm': 'classify_wasm_simd' } as const;
/** and for pictures that it classifies by itself. */
const FETCHED = 'client';
export type ClassifierName = keyof typeof IN_PROCESS | keyof typeof CALLED | typeof FETCHED;
export const CLASSIFIERS = [
  ...namesOf(IN_PROCESS),
  ...namesOf(CALLED),
  FETCHED,
] as const satisfies ClassifierName[];

/** Pictures of one size, and the network that classifies them. */
export interface Task {
  pictures: readonly Digit[];
  network: Network;
}

export interface Batches {
  /** The first picture's place; behind the last picture comes the first one again. */
  first: number;
  /** Pictures of a call. */
  batch: number;
  calls: number;
}

/** Classifies in one or more ways; the answer is a digit for each picture. Has to be stopped. */
export interface Classifier {
  names: readonly ClassifierName[];
  classify: (name: ClassifierName, batches: Batches) => Promise<Timed<number[]>>;
  stop: () => Promise<void>;
}

/** The code of libraries, as FUNCTION LOAD takes it, by their names. */
export type Libraries = ReadonlyMap<string, string | Buffer>;

const FUNCTIONS = fileURLToPath(new URL('inference_functions.ts', import.meta.url));
const LIBRARY = 'classify';
/** No budget of an invocation ends a measurement. */
const DEADLINE_MS = 60_000;

/** The libraries whose functions classify, each of the function's name. */
export async function inferenceLibraries(): Promise<Libraries> {
  // Loaded here: the compiler takes longer to load than most commands to run.
  const { bundleLibrary } = await import('../../functions/bundle.ts');
  const libraries = new Map<string, string | Buffer>();
  libraries.set(LIBRARY, await bundleLibrary(FUNCTIONS, LIBRARY));
  for (const name of WASM_CLASSIFIERS) libraries.set(name, await wasmInferenceLibrary(name));
  return libraries;
}

/**
 * Starts the program that classifies in its own process.
 *
 * @param binDir Folder of the bench program.
 */
export async function classifyInProcess(
  { pictures, network }: Task,
  libraries: Libraries,
  binDir: string,
): Promise<Classifier> {
  const folder = await mkdtemp(path.join(tmpdir(), 'shredder-inference-'));
  const pictureBytes = 4 * network.hidden.inputs;
  await writeFile(
    path.join(folder, 'pictures'),
    Buffer.concat(pictures.map(({ pixels }) => bytesOf(pixels))),
  );
  await writeFile(path.join(folder, 'hidden'), bytesOf(network.hidden.numbers));
  await writeFile(path.join(folder, 'output'), bytesOf(network.output.numbers));
  await mkdir(path.join(folder, 'libraries'));
  for (const [name, code] of libraries) await writeFile(path.join(folder, 'libraries', name), code);
  const program = startResponder(path.join(binDir, 'shredder-bench'), [
    ...['inference', folder, String(pictureBytes)],
  ]);
  return {
    names: namesOf(IN_PROCESS),
    classify: async (name, { first, batch, calls }) => {
      const asked = IN_PROCESS[name as keyof typeof IN_PROCESS];
      const line = await program.ask(`${asked} ${first} ${batch} ${calls}`);
      const [, digits, ns] = /^(\d+) (\d+)$/.exec(line) ?? [];
      if (digits === undefined) throw new UserError(`${JSON.stringify(line)} is no answer`);
      return { answer: Array.from(digits, Number), us: Number(ns) / 1_000 };
    },
    stop: async () => {
      await program.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Starts a server, and a client of it.
 *
 * @param binDir Folder of shredderd.
 */
export async function classifyOverTheWire(
  task: Task,
  libraries: Libraries,
  binDir: string,
): Promise<Classifier> {
  const server = await startServer({
    binary: path.join(binDir, 'shredderd'),
    flags: ['--deadline-ms', String(DEADLINE_MS)],
  });
  try {
    const { client, close } = await holdClient({ url: server.url, tenant: 'default' });
    for (const code of libraries.values()) await loadLibrary(client, code);
    await store(client, task);
    return {
      names: [...namesOf(CALLED), FETCHED],
      classify: (name, batches) =>
        callInTurn(batches, task, (keys) =>
          name === FETCHED
            ? fetchAndClassify(client, keys, task.network)
            : askFunction(client, CALLED[name as keyof typeof CALLED], keys),
        ),
      stop: async () => {
        await close();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function callInTurn(
  { first, batch, calls }: Batches,
  { pictures }: Task,
  classify: (keys: readonly string[]) => Promise<number[]>,
): Promise<Timed<number[]>> {
  const batches = Array.from({ length: calls }, (_, call) =>
    Array.from({ length: batch }, (_, i) => String((first + call * batch + i) % pictures.length)),
  );
  const digits: number[] = [];
  const begun = performance.now();
  for (const keys of batches) digits.push(...(await classify(keys)));
  return { answer: digits, us: (1_000 * (performance.now() - begun)) / calls };
}

async function askFunction(
  client: Redis,
  name: string,
  keys: readonly string[],
): Promise<number[]> {
  const digits = await client.call('FCALL', [name, keys.length, ...keys]);
  return (digits as unknown[]).map(Number);
}

async function fetchAndClassify(
  client: Redis,
  keys: readonly string[],
  network: Network,
): Promise<number[]> {
  const values = await client.mgetBuffer([...keys]);
  const pictures = values.map((value, index) => {
    if (value === null) throw new UserError(`the picture ${keys[index]} is not in the store`);
    return viewOf(value);
  });
  return classifyPictures(viewOf(network.hidden.numbers), viewOf(network.output.numbers), pictures);
}

/** Pictures under their numbers, the layers under their names. */
async function store(client: Redis, { pictures, network }: Task): Promise<void> {
  const layers: [string, Layer][] = Object.entries(network);
  for (const [name, { numbers }] of layers) await client.set(name, bytesOf(numbers));
  for (const [index, { pixels }] of pictures.entries()) {
    await client.set(String(index), bytesOf(pixels));
  }
}

function bytesOf(numbers: Float32Array): Buffer {
  return Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array | Float32Array): Floats {
  return new DataView(buffer, byteOffset, byteLength);
}

function namesOf<T extends object>(cases: T): (keyof T)[] {
  return Object.keys(cases) as (keyof T)[];
}
