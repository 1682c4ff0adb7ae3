// In place of whatwg-url's lib/encoding.js, which encodes and decodes by a TextEncoder and a TextDecoder:
// it asks for a character at a time, for most of which a call of C++ and a buffer take longer than the rest.

const decoder = new (web('TextDecoder'))('utf-8', { ignoreBOM: true });

/** The bytes of a text, which has no lone surrogate. */
export function utf8Encode(text) {
  if (text.length === 1) {
    const unit = text.charCodeAt(0);
    if (unit < 0x80) return Uint8Array.of(unit);
  }
  return natives.encodeUtf8(text);
}

/** The text of bytes; what is malformed is U+FFFD. */
export function utf8DecodeWithoutBOM(bytes) {
  return decoder.decode(bytes);
}
