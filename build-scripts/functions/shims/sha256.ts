import { digest, rotateLeft } from './digest.ts';

/** The first 32 bits of the fractional parts of the roots of the first primes. */
function fractions(count: number, exponent: number): number[] {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((p) => n % p !== 0)) primes.push(n);
  return primes.map((prime) => Math.trunc((prime ** exponent % 1) * 2 ** 32));
}

const INITIAL = fractions(8, 1 / 2);
const CONSTANTS = fractions(64, 1 / 3);
const words = new Uint32Array(64);

export function sha256(bytes: Uint8Array): Uint8Array {
  return digest(bytes, Uint32Array.from(INITIAL), addBlock);
}

function addBlock(state: Uint32Array, block: DataView): void {
  for (let i = 0; i < 16; i++) words[i] = block.getUint32(4 * i);
  for (let i = 16; i < 64; i++) {
    const before15 = words[i - 15]!;
    const before2 = words[i - 2]!;
    const small0 = rotateRight(before15, 7) ^ rotateRight(before15, 18) ^ (before15 >>> 3);
    const small1 = rotateRight(before2, 17) ^ rotateRight(before2, 19) ^ (before2 >>> 10);
    words[i] = (words[i - 16]! + small0 + words[i - 7]! + small1) | 0;
  }
  const [h0, h1, h2, h3, h4, h5, h6, h7] = state as unknown as number[];
  let [a, b, c, d, e, f, g, h] = [h0!, h1!, h2!, h3!, h4!, h5!, h6!, h7!];
  for (let i = 0; i < 64; i++) {
    const large1 = rotateRight(e, 6) ^ rotateRight(e, 11) ^ rotateRight(e, 25);
    const chosen = (e & f) ^ (~e & g);
    const first = (h + large1 + chosen + CONSTANTS[i]! + words[i]!) | 0;
    const large0 = rotateRight(a, 2) ^ rotateRight(a, 13) ^ rotateRight(a, 22);
    const second = (large0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) state[i] = (state[i]! + word) | 0;
}

function rotateRight(word: number, bits: number): number {
  return rotateLeft(word, 32 - bits);
}
