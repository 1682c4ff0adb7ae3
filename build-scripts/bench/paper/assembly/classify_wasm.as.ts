// The library of the case `wasm`, which is compiled without vectors.
import { Call } from 'shredder-functions/assembly';
import { digitsOf } from './library';

export { alloc, free } from 'shredder-functions/assembly';

/** What `classify` of inference_functions.ts does. */
@flags("no-writes")
export function classify_wasm(call: Call): void {
  call.reply = digitsOf(call);
}
