/** What this thread asked others for, by way of the main thread, until they reply; each has a number. */
export class Replies<T> {
  readonly #open = new Map<number, (reply: T) => void>();
  #asked = 0;

  ask(post: (id: number) => void): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>();
    const id = ++this.#asked;
    this.#open.set(id, resolve);
    post(id);
    return promise;
  }

  came(id: number, reply: T): void {
    this.#open.get(id)?.(reply);
    this.#open.delete(id);
  }
}
