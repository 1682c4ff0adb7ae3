// queueMicrotask, structuredClone, performance and crypto, of whose subtle the digests.

(natives, web) => {
  const { clone, digest, enqueue, randomBytes } = natives;

  const functions = {
    queueMicrotask(callback) {
      if (typeof callback !== 'function') throw new TypeError('callback must be a function');
      enqueue(() => {
        try {
          callback();
        } catch (error) {
          web('console').error(error);
        }
      });
    },

    structuredClone(value, { transfer = [] } = {}) {
      const buffers = [...transfer];
      for (const buffer of buffers) {
        if (!(buffer instanceof ArrayBuffer))
          throw cloneError('only ArrayBuffers can be transferred');
      }
      if (new Set(buffers).size !== buffers.length)
        throw cloneError('a buffer is transferred twice');
      return clone(value, buffers, cloneError);
    },
  };

  function cloneError(message) {
    return new (web('DOMException'))(message, 'DataCloneError');
  }

  // The clock stands still while a function runs, and performance's is the same one.
  const timeOrigin = Date.now();
  class Performance {
    get timeOrigin() {
      return timeOrigin;
    }

    now() {
      return Math.max(Date.now() - timeOrigin, 0);
    }

    mark() {}

    measure() {}

    toJSON() {
      return { timeOrigin };
    }
  }

  const MAX_RANDOM_BYTES = 65_536;
  const INTEGERS = [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    BigInt64Array,
    BigUint64Array,
  ];

  const DIGESTS = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'];

  class SubtleCrypto {
    async digest(algorithm, data) {
      const name = String(
        typeof algorithm === 'object' ? algorithm?.name : algorithm,
      ).toUpperCase();
      if (!DIGESTS.includes(name)) {
        throw new (web('DOMException'))(
          `algorithm must be one of ${DIGESTS.join(', ')}`,
          'NotSupportedError',
        );
      }
      const isView = ArrayBuffer.isView(data);
      if (!isView && !(data instanceof ArrayBuffer)) {
        throw new TypeError('data must be an ArrayBuffer or a view of one');
      }
      // A copy where it is a view, which may be one of the store's.
      const bytes = isView
        ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()
        : new Uint8Array(data);
      return digest(name, bytes, () => {}).buffer;
    }
  }
  const subtle = new SubtleCrypto();

  class Crypto {
    get subtle() {
      return subtle;
    }

    getRandomValues(array) {
      if (!INTEGERS.some((type) => array instanceof type)) {
        throw new (web('DOMException'))(
          'array must be a typed array of integers',
          'TypeMismatchError',
        );
      }
      if (array.byteLength > MAX_RANDOM_BYTES) {
        throw new (web('DOMException'))(
          `array is longer than ${MAX_RANDOM_BYTES} bytes`,
          'QuotaExceededError',
        );
      }
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      bytes.set(randomBytes(bytes.length));
      return array;
    }

    randomUUID() {
      const bytes = randomBytes(16);
      bytes[6] = (bytes[6] & 0x0f) | 0x40;
      bytes[8] = (bytes[8] & 0x3f) | 0x80;
      const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
      return [
        hex.slice(0, 8),
        hex.slice(8, 12),
        hex.slice(12, 16),
        hex.slice(16, 20),
        hex.slice(20),
      ].join('-');
    }
  }

  return {
    Crypto,
    Performance,
    crypto: new Crypto(),
    performance: new Performance(),
    ...functions,
  };
};
