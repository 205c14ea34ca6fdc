import { Refusal } from '../errors.ts';
import type { Receipt } from '../model/intake.ts';
import type { RelayAnswer } from './messages.ts';

/** What this shard had other shards judge, until they answer: by way of the main thread, which knows them all. */
export class Relays {
  readonly #open = new Map<number, (answer: Receipt | Refusal) => void>();
  #sent = 0;

  send(post: (id: number) => void): Promise<Receipt | Refusal> {
    return new Promise((resolve) => {
      const id = ++this.#sent;
      this.#open.set(id, resolve);
      post(id);
    });
  }

  answered(id: number, answer: RelayAnswer): void {
    const resolve = this.#open.get(id);
    this.#open.delete(id);
    if ('receipt' in answer) resolve?.(answer.receipt);
    else resolve?.(new Refusal(answer.refused.reason, answer.refused.message, answer.refused.retryAfterMs));
  }
}

export const asAnswer = (answer: Receipt | Refusal): RelayAnswer =>
  answer instanceof Refusal ? { refused: { ...answer } } : { receipt: answer };
