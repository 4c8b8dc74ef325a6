// A map that forgets what was used longest ago, for GPU objects that are cheap to make again.

export class LeastRecent<V> {
  readonly #limit: number;
  readonly #map = new Map<string, V>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string, make: () => V): V {
    const known = this.#map.get(key);
    if (known !== undefined) {
      this.#map.delete(key);
      this.#map.set(key, known);
      return known;
    }
    const made = make();
    this.#map.set(key, made);
    if (this.#map.size > this.#limit) this.#map.delete(this.#map.keys().next().value as string);
    return made;
  }

  clear(): void {
    this.#map.clear();
  }
}
