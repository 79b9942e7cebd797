// What the browser keeps: for this tab, or for this device. Where it may keep nothing, memory does.

class Store {
  #kept;
  #memory = new Map();
  constructor(open) {
    try {
      this.#kept = open();
    } catch {
      this.#kept = null; // forbidden by who looks
    }
  }
  get(key) {
    return this.#kept ? this.#kept.getItem(key) : (this.#memory.get(key) ?? null);
  }
  set(key, text) {
    try {
      if (this.#kept) return this.#kept.setItem(key, text);
    } catch {
      return undefined; // it is full
    }
    this.#memory.set(key, text);
    return undefined;
  }
  drop(key) {
    this.#kept?.removeItem(key);
    this.#memory.delete(key);
  }
  dropAll(beginning) {
    const keys = this.#kept ? Object.keys(this.#kept) : [...this.#memory.keys()];
    for (const key of keys) if (key.startsWith(beginning)) this.drop(key);
  }
}

export const tab = new Store(() => sessionStorage);
export const device = new Store(() => localStorage);
