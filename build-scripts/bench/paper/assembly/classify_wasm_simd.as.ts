// The library of the cases `wasm-simd` and `function-wasm`, which is compiled with vectors.
import { Call } from 'shredder-functions/assembly';
import { digitsOf } from './library';

export { alloc, free } from 'shredder-functions/assembly';

/** What `classify` of inference_functions.ts does. */
@flags("no-writes")
export function classify_wasm_simd(call: Call): void {
  call.reply = digitsOf(call);
}
