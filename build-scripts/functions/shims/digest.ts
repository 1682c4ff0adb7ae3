// What the digests of FIPS 180-4 with words of 32 bits have in common.

const BLOCK_BYTES = 64;

/**
 * Digests bytes.
 *
 * @param state The initial words, which become the digest.
 * @param addBlock Takes the next block, big-endian, into the state.
 */
export function digest(
  bytes: Uint8Array,
  state: Uint32Array,
  addBlock: (state: Uint32Array, block: DataView) => void,
): Uint8Array {
  // The message, a bit that ends it, and its length in bits at the end of a block.
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / BLOCK_BYTES) * BLOCK_BYTES);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(bytes.length) * 8n);
  for (let at = 0; at < padded.length; at += BLOCK_BYTES) {
    addBlock(state, new DataView(padded.buffer, at, BLOCK_BYTES));
  }
  const result = new DataView(new ArrayBuffer(4 * state.length));
  state.forEach((word, i) => {
    result.setUint32(4 * i, word);
  });
  return new Uint8Array(result.buffer);
}

export function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
