import { execa } from 'execa';
import type { Redis } from 'ioredis';
import { spreadOf } from '../bench/statistics.ts';
import { UserError } from '../errors.ts';
import type { FriendCount } from '../graph/traversal.ts';

/** One question of the demo: the friends of a node within so many hops. */
export interface Question {
  node: number;
  depth: number;
  expected: FriendCount;
}

/** Milliseconds of a call as its client sees it, the round trip included; medians. */
export interface Timing extends Question {
  builtinMs: number;
  callbackMs: number;
}

const BUILTIN_FUNCTION = 'countFriends';
const CALLBACK_FUNCTION = 'countFriendsByCallback';
const REPETITIONS = 5;

/** Asks through the builtins and through the C++ callback, in turns; every answer must be the expected. */
export async function measure(client: Redis, question: Question): Promise<Timing> {
  const builtin: number[] = [];
  const callback: number[] = [];
  for (let i = 0; i < REPETITIONS; i++) {
    builtin.push(await timeCall(client, BUILTIN_FUNCTION, question));
    callback.push(await timeCall(client, CALLBACK_FUNCTION, question));
  }
  return {
    ...question,
    builtinMs: spreadOf(builtin).median,
    callbackMs: spreadOf(callback).median,
  };
}

/** Asks once more, by redis-cli; gives the command line. */
export async function askByRedisCli(port: number, question: Question): Promise<string> {
  const { node, depth } = question;
  const args = ['-p', String(port), 'FCALL', BUILTIN_FUNCTION, '1', String(node), String(depth)];
  const result = await execa('redis-cli', args, { reject: false, stdin: 'ignore' });
  if (result.code === 'ENOENT') {
    throw new UserError('redis-cli is not there', 'Install it: apt-get install redis-tools');
  }
  requireAnswer('redis-cli', result.stdout.trim() || result.stderr.trim(), question);
  return `redis-cli ${args.join(' ')}`;
}

async function timeCall(client: Redis, name: string, question: Question): Promise<number> {
  const { node, depth } = question;
  const begun = performance.now();
  const reply = await client.call('FCALL_RO', [name, 1, node, depth]);
  const elapsed = performance.now() - begun;
  requireAnswer(name, String(reply), question);
  return elapsed;
}

function requireAnswer(who: string, answer: string, question: Question): void {
  const { node, depth, expected } = question;
  if (answer === String(expected.answer)) return;
  throw new UserError(
    `${who}, node ${node}, depth ${depth}: the answer is ${answer}, but ${expected.answer} is right`,
  );
}
