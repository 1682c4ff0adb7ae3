// DOMException, Event, EventTarget, AbortController and AbortSignal, as far as packages use them where there
// is no document and no timer.

(_natives, web) => {
  const CODES = new Map(
    Object.entries({
      InvalidCharacterError: 5,
      NotSupportedError: 9,
      InvalidStateError: 11,
      SyntaxError: 12,
      AbortError: 20,
      QuotaExceededError: 22,
      TimeoutError: 23,
      DataCloneError: 25,
    }),
  );

  class DOMException extends Error {
    #name;

    constructor(message = '', name = 'Error') {
      super(`${message}`);
      this.#name = `${name}`;
    }

    get name() {
      return this.#name;
    }

    get code() {
      return CODES.get(this.#name) ?? 0;
    }
  }

  let dispatch;

  class Event {
    #type;
    #cancelable;
    #bubbles;
    #prevented = false;
    #stopped = false;
    #target = null;
    #timeStamp = Date.now();

    static {
      dispatch = (event, target, run) => {
        event.#target = target;
        event.#stopped = false;
        run(() => event.#stopped);
        return !event.#prevented;
      };
    }

    constructor(type, { bubbles = false, cancelable = false } = {}) {
      this.#type = `${type}`;
      this.#bubbles = Boolean(bubbles);
      this.#cancelable = Boolean(cancelable);
    }

    get type() {
      return this.#type;
    }

    get target() {
      return this.#target;
    }

    get currentTarget() {
      return this.#target;
    }

    get bubbles() {
      return this.#bubbles;
    }

    get cancelable() {
      return this.#cancelable;
    }

    get defaultPrevented() {
      return this.#prevented;
    }

    get timeStamp() {
      return this.#timeStamp;
    }

    preventDefault() {
      if (this.#cancelable) this.#prevented = true;
    }

    stopPropagation() {}

    stopImmediatePropagation() {
      this.#stopped = true;
    }
  }

  class EventTarget {
    #listeners = [];

    addEventListener(type, listener, options = {}) {
      if (listener === null || listener === undefined) return;
      const { once = false, signal } = typeof options === 'object' ? options : {};
      if (signal?.aborted) return;
      const name = `${type}`;
      if (this.#listeners.some((each) => each.type === name && each.listener === listener)) return;
      this.#listeners.push({ type: name, listener, once: Boolean(once) });
      signal?.addEventListener('abort', () => this.removeEventListener(name, listener));
    }

    removeEventListener(type, listener) {
      const name = `${type}`;
      this.#listeners = this.#listeners.filter(
        (each) => each.type !== name || each.listener !== listener,
      );
    }

    dispatchEvent(event) {
      if (!(event instanceof Event)) throw new TypeError('event must be an Event');
      return dispatch(event, this, (isStopped) => {
        for (const each of [...this.#listeners]) {
          if (isStopped()) return;
          // One that a listener before it has removed is not called.
          if (each.type !== event.type || !this.#listeners.includes(each)) continue;
          if (each.once) this.removeEventListener(each.type, each.listener);
          try {
            if (typeof each.listener === 'function') each.listener.call(this, event);
            else each.listener.handleEvent(event);
          } catch (error) {
            web('console').error(error);
          }
        }
      });
    }
  }

  let making = false;
  let abort;

  function make() {
    making = true;
    try {
      return new AbortSignal();
    } finally {
      making = false;
    }
  }

  class AbortSignal extends EventTarget {
    #aborted = false;
    #reason;
    onabort = null;

    static {
      abort = (signal, reason) => {
        if (signal.#aborted) return;
        signal.#aborted = true;
        signal.#reason = reason ?? new DOMException('This operation was aborted', 'AbortError');
        const event = new Event('abort');
        signal.dispatchEvent(event);
        if (typeof signal.onabort === 'function') signal.onabort(event);
      };
    }

    constructor() {
      if (!making) throw new TypeError('Illegal constructor');
      super();
    }

    static abort(reason) {
      const signal = make();
      abort(signal, reason);
      return signal;
    }

    static any(signals) {
      const signal = make();
      for (const each of signals) {
        if (each.aborted) {
          abort(signal, each.reason);
          break;
        }
        each.addEventListener('abort', () => abort(signal, each.reason));
      }
      return signal;
    }

    get aborted() {
      return this.#aborted;
    }

    get reason() {
      return this.#reason;
    }

    throwIfAborted() {
      if (this.#aborted) throw this.#reason;
    }
  }

  class AbortController {
    #signal = make();

    get signal() {
      return this.#signal;
    }

    abort(reason) {
      abort(this.#signal, reason);
    }
  }

  return { AbortController, AbortSignal, DOMException, Event, EventTarget };
};
