/**
 * Things to do one after the other, each at once where nothing is under way. What waits gives its place to what is to be
 * done under the same name later, so that no more wait than there are names.
 */
export class InOrder {
  readonly #waiting = new Map<string, () => void | Promise<void>>();
  #isBusy = false;

  /** `todo` must neither throw nor reject. */
  do(name: string, todo: () => void | Promise<void>): void {
    this.#waiting.set(name, todo);
    if (!this.#isBusy) this.#next();
  }

  #next(): void {
    for (const [name, todo] of this.#waiting) {
      this.#waiting.delete(name);
      this.#isBusy = true;
      const done = todo();
      if (done instanceof Promise) {
        const go = (): void => this.#next();
        void done.then(go, go);
        return;
      }
      this.#isBusy = false;
    }
    this.#isBusy = false;
  }
}
