import { indexOf, isFiltered } from '../consul/answer.ts';
import type { ConsulClient } from '../consul/client.ts';
import { ConsulConnection, ConsulRefusal, type ConsulResponse, type KvItem, TooLong } from '../consul/connection.ts';
import { decodeText, placed } from './decode-text.ts';

/** A key's text and when it was last written. */
export interface KvValue {
  /** Relative to the folder that was read. */
  readonly key: string;
  readonly value: string;
  readonly modifyIndex: number;
}

/** What is in a folder, in one read. */
export interface KvFolder {
  /** X-Consul-Index: of the newest change in it, deletions included. */
  readonly index: number;
  readonly values: readonly KvValue[];
  /** The token may not see all of it. */
  readonly filtered: boolean;
}

/**
 * A step of a transaction, as /v1/txn has them: `cas` writes where the key is as old as `Index` says (0 = is not
 * there), `delete-cas` deletes likewise, `check-index` and `check-not-exists` only look.
 */
export interface KvStep {
  readonly Verb: 'set' | 'cas' | 'delete' | 'delete-cas' | 'check-index' | 'check-not-exists';
  readonly Key: string;
  readonly Value?: string;
  readonly Index?: number;
}

/** Steps that did not hold; nothing was written then. */
interface KvConflict {
  readonly failed: readonly { readonly step: number; readonly why: string }[];
}

type Get = (options: Record<string, unknown>) => Promise<[ConsulResponse, KvItem[] | undefined]>;
type Create = (steps: unknown, options: Record<string, unknown>) => Promise<[ConsulResponse, TxnAnswer]>;
interface TxnAnswer {
  readonly Results?: readonly { readonly KV: { readonly Key: string; readonly ModifyIndex: number } }[] | null;
  readonly Errors?: readonly { readonly OpIndex: number; readonly What: string }[] | null;
}

/** Consul's key-value store, for who reads and writes in it now and then. Rejects with what went wrong. */
export class ConsulKv {
  readonly #connection: ConsulConnection;
  readonly #timeoutMs: number;

  constructor(client: ConsulClient, { timeoutMs, maxBodyBytes }: { timeoutMs: number; maxBodyBytes: number }) {
    this.#connection = new ConsulConnection(client, { graceMs: timeoutMs, maxBodyBytes });
    this.#timeoutMs = timeoutMs;
  }

  /** All keys that begin with `folder` and a slash. */
  async readFolder(folder: string, signal: AbortSignal): Promise<KvFolder> {
    return await this.#get({ key: `${folder}/`, recurse: true }, folder.length + 1, signal);
  }

  /** One key; undefined where it is not there, or the token may not see it. */
  async readKey(key: string, signal: AbortSignal): Promise<KvValue | undefined> {
    const { values } = await this.#get({ key, recurse: true }, 0, signal);
    return values.find((each) => each.key === key);
  }

  /** All steps or none; the index of the change. */
  async transact(steps: readonly KvStep[], signal: AbortSignal): Promise<{ readonly index: number } | KvConflict> {
    const body = steps.map(({ Value, ...step }) => ({
      KV: { ...step, ...(Value !== undefined && { Value: Buffer.from(Value).toString('base64') }) },
    }));
    try {
      const answer = await this.#connection.request(this.#timeoutMs, signal, ({ transaction }, options) =>
        (transaction.create.bind(transaction) as unknown as Create)(body, { ...options }),
      );
      if (answer instanceof TooLong) throw new Error('answered far more than was expected');
      const [, { Results }] = answer;
      const index = Math.max(0, ...(Results ?? []).map(({ KV }) => KV.ModifyIndex));
      if (index > 0) return { index };
      throw new Error('answered without the index of the change: is this Consul?');
    } catch (error) {
      if (error instanceof ConsulRefusal && error.status === 409) return conflict(error);
      throw error;
    }
  }

  close(): void {
    this.#connection.close();
  }

  async #get(asked: Record<string, unknown>, cut: number, signal: AbortSignal): Promise<KvFolder> {
    const answer = await this.#connection.request(this.#timeoutMs, signal, async ({ kv }, options) => {
      const [response, items = []] = await (kv.get.bind(kv) as unknown as Get)({ ...asked, buffer: true, ...options });
      return { index: Number(indexOf(response)), filtered: isFiltered(response), values: items.map(toValue(cut)) };
    });
    if (answer instanceof TooLong) throw new Error(`${asked.key}: more than obsctl reads at once`);
    return answer;
  }
}

const toValue =
  (cut: number) =>
  ({ Key, Value, ModifyIndex }: KvItem): KvValue => {
    const text = decodeText(Value ?? Buffer.of());
    if (typeof text !== 'string') throw new Error(placed(Key, text));
    return { key: Key.slice(cut), value: text, modifyIndex: ModifyIndex };
  };

function conflict(refusal: ConsulRefusal): KvConflict {
  try {
    const { Errors } = JSON.parse(refusal.said) as TxnAnswer;
    if (Errors && Errors.length > 0)
      return { failed: Errors.map(({ OpIndex, What }) => ({ step: OpIndex, why: What })) };
  } catch {
    // Told as it came.
  }
  throw refusal;
}
