import { nameTenant, type RefusedSum } from '../model/refused.ts';
import type { Log } from './log.ts';
import { SumsByCause } from './sums-by-cause.ts';

/**
 * Says in the log what senders are refused for good, and which connections came to nothing, all shards together: the
 * requests, bytes, spans and connections of all lines are those that were refused.
 */
export class RefusalLog {
  readonly #sums: SumsByCause<RefusedSum, RefusedSum>;

  /** `after` runs something when the interval is over; the process need not wait for it. */
  constructor(log: Pick<Log, 'warn'>, after: (run: () => void) => void) {
    this.#sums = new SumsByCause({ begin, add, tell: (sum) => write(log, sum), after });
  }

  /** What a shard has refused since it told that reason last. */
  refused(sum: RefusedSum): void {
    this.#sums.put(sum.reason, sum);
  }

  /** Writes what is held back, at the end. */
  flush(): void {
    this.#sums.flush();
  }
}

const begin = (sum: RefusedSum): RefusedSum => ({ ...sum, tenants: new Set(sum.tenants) });

function add(sum: RefusedSum, { requests, bytes, spans, tenants, example }: RefusedSum): void {
  sum.requests += requests;
  sum.bytes += bytes;
  sum.spans += spans;
  sum.example = example;
  for (const tenant of tenants) nameTenant(sum, tenant);
}

function write(log: Pick<Log, 'warn'>, sum: RefusedSum): void {
  const { reason, what, requests, bytes, spans, tenants, example } = sum;
  const { port, address, message } = example;
  const size = reason === 'partial' ? { spans } : { bytes };
  const counts = what === 'connection' ? { connections: requests } : { requests, ...size };
  const whose = { ...(tenants.size > 0 && { tenants: [...tenants] }), port, ...(address !== '' && { address }) };
  log.warn(what === 'connection' ? 'connection_turned_away' : 'refused', { reason, ...counts, ...whose }, message);
}
