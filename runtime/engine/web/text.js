// TextEncoder, TextDecoder, atob and btoa, of the Encoding and HTML standards: the encodings UTF-8, UTF-16
// (little-endian) and windows-1252, which is what the standard's label latin1 means.

(natives, web) => {
  const { decodeUtf8, encodeUtf8 } = natives;

  const LABELS = new Map([
    ...[
      'unicode-1-1-utf-8',
      'unicode11utf8',
      'unicode20utf8',
      'utf-8',
      'utf8',
      'x-unicode20utf8',
    ].map((label) => [label, 'utf-8']),
    ...[
      'csunicode',
      'iso-10646-ucs-2',
      'ucs-2',
      'unicode',
      'unicodefeff',
      'utf-16',
      'utf-16le',
    ].map((label) => [label, 'utf-16le']),
    ...[
      'ansi_x3.4-1968',
      'ascii',
      'cp1252',
      'cp819',
      'csisolatin1',
      'ibm819',
      'iso-8859-1',
      'iso-ir-100',
      'iso8859-1',
      'iso88591',
      'iso_8859-1',
      'iso_8859-1:1987',
      'l1',
      'latin1',
      'us-ascii',
      'windows-1252',
      'x-cp1252',
    ].map((label) => [label, 'windows-1252']),
  ]);
  // Of windows-1252, what bytes 0x80 to 0x9f are.
  const HIGH =
    '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f' +
    '\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178';
  // What String.fromCharCode takes at a time.
  const PIECE = 4096;
  // Bytes that are decoded at a time.
  const UTF8_PIECE = 65_536;

  function bytesOf(input) {
    if (input === undefined) return new Uint8Array(0);
    if (ArrayBuffer.isView(input)) {
      return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
    }
    if (input instanceof ArrayBuffer) return new Uint8Array(input);
    throw new TypeError('input must be an ArrayBuffer or a view of one');
  }

  function textOf(units) {
    let text = '';
    for (let at = 0; at < units.length; at += PIECE) {
      text += String.fromCharCode.apply(null, units.subarray(at, at + PIECE));
    }
    return text;
  }

  function decodeWindows1252(bytes) {
    const units = Uint16Array.from(bytes, (byte) =>
      byte < 0x80 || byte > 0x9f ? byte : HIGH.charCodeAt(byte - 0x80),
    );
    return textOf(units);
  }

  /** The most units, up to a number, of which the last is not the first of a pair. */
  function wholeUnits(text, count) {
    const isSplit = count > 0 && count < text.length && text.codePointAt(count - 1) > 0xffff;
    return isSplit ? count - 1 : count;
  }

  class TextEncoder {
    get encoding() {
      return 'utf-8';
    }

    encode(input = '') {
      return encodeUtf8(`${input}`);
    }

    encodeInto(source, destination) {
      if (!(destination instanceof Uint8Array))
        throw new TypeError('destination must be a Uint8Array');
      // No character has fewer bytes than units, and none is cut in two.
      const text = `${source}`;
      const start = text.slice(0, wholeUnits(text, destination.length));
      const bytes = encodeUtf8(start);
      let written = Math.min(bytes.length, destination.length);
      while (written < bytes.length && (bytes[written] & 0xc0) === 0x80) written--;
      destination.set(bytes.subarray(0, written));
      if (written === bytes.length) return { read: start.length, written };
      let read = 0;
      for (let at = 0; at < written; at++) {
        if ((bytes[at] & 0xc0) !== 0x80) read += bytes[at] < 0xf0 ? 1 : 2;
      }
      return { read, written };
    }
  }

  class TextDecoder {
    #encoding;
    #fatal;
    #ignoreBOM;
    // What the call before has left, where it was a part of a stream, and whether a mark may still come.
    #rest = new Uint8Array(0);
    #atStart = true;

    constructor(label = 'utf-8', { fatal = false, ignoreBOM = false } = {}) {
      const encoding = LABELS.get(`${label}`.trim().toLowerCase());
      if (encoding === undefined) {
        throw new RangeError(`The encoding "${label}" is none of utf-8, utf-16le and latin1`);
      }
      this.#encoding = encoding;
      this.#fatal = Boolean(fatal);
      this.#ignoreBOM = Boolean(ignoreBOM);
    }

    get encoding() {
      return this.#encoding;
    }

    get fatal() {
      return this.#fatal;
    }

    get ignoreBOM() {
      return this.#ignoreBOM;
    }

    decode(input, { stream = false } = {}) {
      let bytes = bytesOf(input);
      if (this.#encoding === 'windows-1252') return decodeWindows1252(bytes);
      if (this.#rest.length > 0) {
        const joined = new Uint8Array(this.#rest.length + bytes.length);
        joined.set(this.#rest);
        joined.set(bytes, this.#rest.length);
        bytes = joined;
      }
      let text;
      let used;
      try {
        [text, used] =
          this.#encoding === 'utf-8' ? this.#utf8(bytes, stream) : this.#utf16(bytes, stream);
      } catch (error) {
        this.#rest = new Uint8Array(0);
        this.#atStart = true;
        throw error;
      }
      this.#rest = bytes.slice(used);
      if (this.#atStart && text.length > 0) {
        if (!this.#ignoreBOM && text.charCodeAt(0) === 0xfeff) text = text.slice(1);
        this.#atStart = false;
      }
      if (!stream) this.#atStart = true;
      return text;
    }

    #utf8(bytes, stream) {
      const end = stream ? completeUtf8(bytes) : bytes.length;
      let text = '';
      for (let at = 0; at < end; ) {
        const limit = at + UTF8_PIECE;
        const pieceEnd = limit < end ? at + completeUtf8(bytes.subarray(at, limit)) : end;
        const piece = decodeUtf8(bytes.subarray(at, pieceEnd), this.#fatal);
        if (piece === undefined) throw this.#malformed();
        text += piece;
        at = pieceEnd;
      }
      return [text, end];
    }

    #utf16(bytes, stream) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const units = new Uint16Array((bytes.length >> 1) + 1);
      let count = 0;
      let end = bytes.length & ~1;
      for (let at = 0; at < end; at += 2) {
        const unit = view.getUint16(at, true);
        const isLead = (unit & 0xfc00) === 0xd800;
        if (isLead && at + 2 < end && (view.getUint16(at + 2, true) & 0xfc00) === 0xdc00) {
          units[count++] = unit;
          units[count++] = view.getUint16(at + 2, true);
          at += 2;
        } else if (isLead && stream && at + 2 >= end) {
          end = at;
        } else if ((unit & 0xf800) === 0xd800) {
          if (this.#fatal) throw this.#malformed();
          units[count++] = 0xfffd;
        } else {
          units[count++] = unit;
        }
      }
      if (!stream && end < bytes.length) {
        if (this.#fatal) throw this.#malformed();
        units[count++] = 0xfffd;
        end = bytes.length;
      }
      return [textOf(units.subarray(0, count)), end];
    }

    #malformed() {
      return new TypeError(`The encoded data was not valid for encoding ${this.#encoding}`);
    }
  }

  /** How many of the bytes come before a character whose last bytes are still to come. */
  function completeUtf8(bytes) {
    const end = bytes.length;
    for (let at = end - 1; at >= 0 && at >= end - 3; at--) {
      const byte = bytes[at];
      if ((byte & 0xc0) === 0x80) continue;
      const size = byte < 0xc2 || byte > 0xf4 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
      // What can begin no character is malformed whatever comes.
      return at + size > end && maySecondFollow(byte, bytes[at + 1]) ? at : end;
    }
    return end;
  }

  /** Whether a byte, where there is one, can be a character's second behind such a first one. */
  function maySecondFollow(first, second) {
    if (second === undefined) return true;
    const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    return second >= least && second <= most;
  }

  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const SEXTETS = new Map([...ALPHABET].map((character, i) => [character.charCodeAt(0), i]));

  function invalid(message) {
    return new (web('DOMException'))(message, 'InvalidCharacterError');
  }

  const functions = {
    btoa(data) {
      const text = `${data}`;
      const units = new Uint16Array(Math.ceil(text.length / 3) * 4);
      let count = 0;
      for (let at = 0; at < text.length; at += 3) {
        let bits = 0;
        for (let i = 0; i < 3; i++) {
          const unit = at + i < text.length ? text.charCodeAt(at + i) : 0;
          if (unit > 0xff) throw invalid('btoa: a character is beyond Latin-1');
          bits = (bits << 8) | unit;
        }
        for (let i = 0; i < 4; i++) {
          const sextet = (bits >> (18 - 6 * i)) & 63;
          units[count++] = at + i > text.length ? 0x3d : ALPHABET.charCodeAt(sextet);
        }
      }
      return textOf(units);
    },

    atob(data) {
      let text = `${data}`.replace(/[\t\n\f\r ]/g, '');
      if (text.length % 4 === 0) text = text.replace(/={1,2}$/, '');
      if (text.length % 4 === 1) throw invalid('atob: the text is no base64');
      const units = new Uint16Array(Math.floor((text.length * 3) / 4));
      let count = 0;
      let bits = 0;
      for (let at = 0; at < text.length; at++) {
        const sextet = SEXTETS.get(text.charCodeAt(at));
        if (sextet === undefined) throw invalid('atob: the text is no base64');
        bits = ((bits << 6) | sextet) & 0xffffff;
        if (at % 4 !== 0) units[count++] = (bits >> (6 - 2 * (at % 4))) & 0xff;
      }
      return textOf(units);
    },
  };

  return { TextDecoder, TextEncoder, ...functions };
};
