// node:events: an emitter's methods, which call its listeners at once.

type Name = string | symbol;
type Listener = (...args: never[]) => unknown;

interface Registered {
  listener: Listener;
  once: boolean;
}

const MAX_LISTENERS = 10;

/** By emitter: an old class makes one of an object that no constructor of this module has seen. */
const registered = new WeakMap<object, Map<Name, readonly Registered[]>>();

class Emitter {
  on(name: Name, listener: Listener): this {
    return this.register(name, { listener, once: false });
  }

  once(name: Name, listener: Listener): this {
    return this.register(name, { listener, once: true });
  }

  addListener(name: Name, listener: Listener): this {
    return this.on(name, listener);
  }

  prependListener(name: Name, listener: Listener): this {
    return this.register(name, { listener, once: false }, true);
  }

  prependOnceListener(name: Name, listener: Listener): this {
    return this.register(name, { listener, once: true }, true);
  }

  off(name: Name, listener: Listener): this {
    const all = this.listenersOf(name);
    const at = all.findLastIndex((each) => each.listener === listener);
    if (at < 0) return this;
    this.set(name, [...all.slice(0, at), ...all.slice(at + 1)]);
    this.emit('removeListener', name, listener);
    return this;
  }

  removeListener(name: Name, listener: Listener): this {
    return this.off(name, listener);
  }

  removeAllListeners(name?: Name): this {
    if (name === undefined) registered.delete(this);
    else registered.get(this)?.delete(name);
    return this;
  }

  /** Whether somebody listened. */
  emit(name: Name, ...args: unknown[]): boolean {
    const all = this.listenersOf(name);
    if (all.length === 0) {
      if (name !== 'error') return false;
      throw args[0] instanceof Error ? args[0] : new Error(`Unhandled error. (${String(args[0])})`);
    }
    for (const { listener, once } of all) {
      if (once) this.off(name, listener);
      Reflect.apply(listener, this, args);
    }
    return true;
  }

  listenerCount(name: Name): number {
    return this.listenersOf(name).length;
  }

  listeners(name: Name): Listener[] {
    return this.listenersOf(name).map(({ listener }) => listener);
  }

  rawListeners(name: Name): Listener[] {
    return this.listeners(name);
  }

  eventNames(): Name[] {
    return [...(registered.get(this)?.keys() ?? [])];
  }

  /** Nobody reads warnings in the store. */
  setMaxListeners(): this {
    return this;
  }

  getMaxListeners(): number {
    return MAX_LISTENERS;
  }

  private listenersOf(name: Name): readonly Registered[] {
    return registered.get(this)?.get(name) ?? [];
  }

  private register(name: Name, added: Registered, first = false): this {
    this.emit('newListener', name, added.listener);
    const all = this.listenersOf(name);
    this.set(name, first ? [added, ...all] : [...all, added]);
    return this;
  }

  private set(name: Name, all: readonly Registered[]): void {
    const own = registered.get(this) ?? new Map<Name, readonly Registered[]>();
    registered.set(this, own);
    if (all.length > 0) own.set(name, all);
    else own.delete(name);
  }
}

/** A function, not a class: old classes call it as `EventEmitter.call(this)`. */
export const EventEmitter = function EventEmitter() {} as unknown as typeof Emitter;
export type EventEmitter = Emitter;
Object.defineProperty(EventEmitter, 'prototype', { value: Emitter.prototype });
Object.defineProperty(Emitter.prototype, 'constructor', {
  value: EventEmitter,
  writable: true,
  configurable: true,
});

/** The arguments of an emitter's next event of a name. */
export function once(emitter: EventEmitter, name: Name): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const onError = (error: unknown): void => reject(error);
    if (name !== 'error') emitter.once('error', onError);
    emitter.once(name, (...args: unknown[]) => {
      emitter.off('error', onError);
      resolve(args);
    });
  });
}

export default Object.assign(EventEmitter, {
  EventEmitter,
  once,
  defaultMaxListeners: MAX_LISTENERS,
  errorMonitor: Symbol.for('events.errorMonitor'),
});
