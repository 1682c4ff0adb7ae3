// What `bench paper` calls: functions over values whose first bytes say all that is wanted.
import { HTGet } from 'shredder:store';

const FIRST_BYTES = 4;
const KEY_BYTES = 16;
const MAX_RECORD_BYTES = 64;

const first = new Uint8Array(FIRST_BYTES);
const record = new Uint8Array(MAX_RECORD_BYTES);
const next = record.subarray(0, KEY_BYTES);

/** `FCALL_RO firstBytes 1 key`: the first 4 bytes of the value. */
export function firstBytes(keys: string[]): Uint8Array {
  HTGet(keys[0]!, first);
  return first;
}
firstBytes.flags = ['no-writes'];

/** `FCALL_RO chase 1 key hops`: the record at the end of a chain of so many, each of which begins with the next one's key. */
export function chase(keys: string[], args: string[]): Uint8Array {
  HTGet(keys[0]!, record);
  for (let hops = Number(args[0]); hops > 1; hops--) HTGet(next, record);
  return record;
}
chase.flags = ['no-writes'];
