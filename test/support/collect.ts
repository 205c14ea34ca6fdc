import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Memory that was seen, and how much of it somebody still holds: what nobody does a garbage collection takes away. */
export class SeenMemory {
  readonly #seen = new Map<number, WeakRef<ArrayBufferLike>>();
  readonly #known = new WeakSet<ArrayBufferLike>();

  see(memory: ArrayBufferLike): void {
    if (this.#known.has(memory)) return;
    this.#known.add(memory);
    this.#seen.set(this.#seen.size, new WeakRef(memory));
  }

  /** Bytes that are still held. */
  async held(): Promise<number> {
    // What a WeakRef was made or asked for stays to the end of its turn.
    await setImmediate();
    gc();
    await setImmediate();
    return [...this.#seen.values()].reduce((sum, memory) => sum + (memory.deref()?.byteLength ?? 0), 0);
  }
}
