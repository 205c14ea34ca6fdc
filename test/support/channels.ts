/**
 * Messages between threads, as late as a test wants them: what one sends to another arrives in the order in which it
 * was sent, and nothing else is promised. Shared memory is seen at once, so it overtakes all of them.
 */
export class Channels {
  readonly #queues = new Map<string, (() => void)[]>();

  /** Where there is something on its way, in the order in which the channels were first used. */
  get busy(): readonly string[] {
    return [...this.#queues].filter(([, queue]) => queue.length > 0).map(([name]) => name);
  }

  send(channel: string, arrive: () => void): void {
    const queue = this.#queues.get(channel);
    if (queue === undefined) this.#queues.set(channel, [arrive]);
    else queue.push(arrive);
  }

  /** The next message of one channel arrives. */
  deliver(channel: string): void {
    this.#queues.get(channel)?.shift()?.();
  }

  /** Everything arrives, what is sent meanwhile too. False when there was nothing. */
  deliverAll(): boolean {
    const any = this.busy.length > 0;
    for (let busy = this.busy; busy.length > 0; busy = this.busy) for (const channel of busy) this.deliver(channel);
    return any;
  }
}
