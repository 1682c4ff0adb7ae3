// The networks between a client and a server of this machine: the loopback itself, and what is emulated on it, by
// the kernel's netem in a network namespace where there is one, else by a relay of ours.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { execa } from 'execa';
import { lastLineOf, UserError } from '../../errors.ts';
import { run } from '../../system/command.ts';
import { startResponder } from '../responder.ts';

/** A network's properties; a rate of 0 is none. */
export interface Link {
  name: string;
  emulated?: { roundTripUs: number; gbitPerS: number };
}

/** How late the relay passes bytes on; microseconds. */
export interface Lateness {
  chunks: number;
  p50Us: number;
  p99Us: number;
}

/** Where a server and its clients are started, so that there can be a network between them. */
export interface Place {
  how: 'netem' | 'relay';
  /** One line: how networks are emulated, and why so. */
  note: string;
  /** What comes before a program to start it there. */
  enter: readonly string[];
  leave: () => Promise<void>;
}

/** The networks between a server that runs, and its clients. */
export interface Networks {
  links: readonly Link[];
  /** Makes a link the one between them; the port that clients connect to now, anew. */
  use: (link: Link) => Promise<number>;
  /** Of what was passed on since the last `use`; absent where nothing was, by a relay. */
  lateness: () => Promise<Lateness | undefined>;
  close: () => Promise<void>;
}

export const ROUND_TRIPS_US = [0, 20, 50, 500];
export const RATES_GBIT = [10, 1];

const LOOPBACK: Link = { name: 'loopback' };
/** What the relay costs when it delays and limits nothing. */
const RELAY_ALONE: Link = { name: 'relay alone', emulated: { roundTripUs: 0, gbitPerS: 0 } };
const EMULATED: readonly Link[] = RATES_GBIT.flatMap((gbitPerS) =>
  ROUND_TRIPS_US.map((roundTripUs) => ({
    name: `${roundTripUs} us, ${gbitPerS} Gbit/s`,
    emulated: { roundTripUs, gbitPerS },
  })),
);

/** Enough for what may be under way: 10 Gbit/s for a millisecond, of the smallest packets. */
const NETEM_LIMIT = 20_000;

/** Finds out whether this kernel emulates networks, for who runs this. */
export async function findPlace(): Promise<Place> {
  const name = `shredder-bench-${randomUUID()}`;
  const leave = async (): Promise<void> => {
    await execa('ip', ['netns', 'delete', name], { reject: false });
  };
  try {
    await run('ip', ['netns', 'add', name]);
    await run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
    await setNetem(name, { roundTripUs: 1, gbitPerS: 1 });
    await setNetem(name, undefined);
  } catch (error) {
    await leave();
    return {
      how: 'relay',
      note: `Networks are emulated by a relay, as the kernel's netem cannot be used: ${lastLineOf(error)}.`,
      enter: [],
      leave: async () => {},
    };
  }
  return {
    how: 'netem',
    note: "Networks are emulated by the kernel's netem, in a network namespace.",
    enter: ['ip', 'netns', 'exec', name],
    leave,
  };
}

/** @param binDir Folder of shredder-relay. */
export async function openNetworks(place: Place, binDir: string, port: number): Promise<Networks> {
  return place.how === 'netem'
    ? netemNetworks(place.enter.at(-1)!, port)
    : await relayNetworks(binDir, port);
}

function netemNetworks(namespace: string, port: number): Networks {
  return {
    links: [LOOPBACK, ...EMULATED],
    use: async ({ emulated }) => {
      await setNetem(namespace, emulated);
      return port;
    },
    lateness: () => Promise.resolve(undefined),
    close: () => Promise.resolve(),
  };
}

/** Each packet on the loopback goes through its queue once, whichever way it goes. */
async function setNetem(namespace: string, emulated: Link['emulated']): Promise<void> {
  const device = ['-n', namespace, 'qdisc', 'replace', 'dev', 'lo', 'root'];
  if (emulated === undefined) {
    await run('tc', [...device, 'noqueue']);
    return;
  }
  const { roundTripUs, gbitPerS } = emulated;
  await run('tc', [
    ...[...device, 'netem', 'limit', String(NETEM_LIMIT), 'delay', `${roundTripUs / 2}us`],
    ...['rate', `${gbitPerS}gbit`],
  ]);
}

async function relayNetworks(binDir: string, serverPort: number): Promise<Networks> {
  const relay = startResponder(path.join(binDir, 'shredder-relay'), [String(serverPort)]);
  const relayPort = Number(await relay.next());
  return {
    links: [LOOPBACK, RELAY_ALONE, ...EMULATED],
    use: async ({ emulated }) => {
      if (emulated === undefined) return serverPort;
      const answer = await relay.ask(`set ${emulated.roundTripUs} ${emulated.gbitPerS}`);
      if (answer !== 'ok') throw new UserError(`shredder-relay answered ${answer}`);
      return relayPort;
    },
    lateness: async () => {
      const [chunks, p50Us, p99Us] = (await relay.ask('lateness')).split(' ').map(Number);
      return chunks === undefined || p50Us === undefined || p99Us === undefined || chunks === 0
        ? undefined
        : { chunks, p50Us, p99Us };
    },
    close: relay.stop,
  };
}
