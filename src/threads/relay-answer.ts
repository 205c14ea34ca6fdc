import { Refusal } from '../errors.ts';
import type { Receipt } from '../model/intake.ts';

/** A receipt or a refusal as it travels between threads: an object's class does not. */
export type RelayAnswer =
  | { readonly receipt: Receipt }
  | { readonly refused: Pick<Refusal, 'reason' | 'message' | 'retryAfterMs'> };

export const packed = (answer: Receipt | Refusal): RelayAnswer =>
  answer instanceof Refusal ? { refused: { ...answer } } : { receipt: answer };

export const unpacked = (answer: RelayAnswer): Receipt | Refusal =>
  'receipt' in answer
    ? answer.receipt
    : new Refusal(answer.refused.reason, answer.refused.message, answer.refused.retryAfterMs);
