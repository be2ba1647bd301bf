/** Listeners by name. A listener that throws is reported, and stops neither others nor us. */
export class Emitter {
  #listeners = new Map();

  /** @return a function that takes the listener off again. */
  on(name, listener) {
    if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
    this.#listeners.get(name).add(listener);
    return () => this.off(name, listener);
  }

  off(name, listener) {
    this.#listeners.get(name)?.delete(listener);
  }

  emit(name, ...details) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(...details);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
