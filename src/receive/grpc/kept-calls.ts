import { Refusal } from '../../errors.ts';

const maxOfConnection = 16;
const maxOfAll = 1024;

/** A connection, as far as calls are kept for it. */
export interface CallKeeper {
  keptCalls: number;
}

/**
 * Bounds the calls beside Export that are kept: those that watch our health, and those whose message has come in part.
 * What is answered at once is not kept, so that whoever asks for our health is told, however many watch it.
 */
export class KeptCalls {
  #count = 0;

  /** Counts one more, which is to be given back by `letGo`, or says why not. */
  keep(connection: CallKeeper): Refusal | undefined {
    if (connection.keptCalls >= maxOfConnection)
      return new Refusal('calls_full', `this connection has ${maxOfConnection} such calls already: end some first`);
    if (this.#count >= maxOfAll) return new Refusal('calls_full', `${maxOfAll} such calls already: try again later`);
    connection.keptCalls++;
    this.#count++;
    return undefined;
  }

  letGo(connection: CallKeeper): void {
    connection.keptCalls--;
    this.#count--;
  }
}
