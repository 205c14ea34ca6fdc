import { noConditions } from './decide/conditions.ts';
import { RequestScan } from './decode/scan.ts';
import { Unavailable } from './errors.ts';
import type { FanOut } from './fan-out.ts';
import { everyExporter } from './model/destinations.ts';
import { byHand, type Restored, type RestoredCount } from './model/restored.ts';
import { Slice } from './model/slice.ts';
import type { GatewayStats, TenantStats } from './model/stats.ts';
import type { Tenant } from './model/tenant.ts';
import { BadRequest } from './store/bad-request.ts';
import { slackBytes } from './wire/cursor.ts';
import { MalformedError } from './wire/reader.ts';

interface Limits {
  readonly maxEnvelopeBytes: number;
  readonly maxSpanBytes: number;
}

/**
 * Takes traces out of an archive, past the rules: they were kept once. They leave for the destinations as they are, and
 * stand in the books as received and kept, under a name of their own.
 */
export class TraceRestorer {
  readonly #fanOut: Pick<FanOut, 'emit' | 'hasRoomFor'>;
  readonly #scan: RequestScan;
  /** A destination with a `when` gets what its rules say, and of these nobody knows that any more. */
  readonly #exporters: number;
  readonly #counts: readonly RestoredCount[];

  /** `hasWhen`: of each exporter, in their order. */
  constructor(
    fanOut: Pick<FanOut, 'emit' | 'hasRoomFor'>,
    { limits, hasWhen, tenants }: { limits: Limits; hasWhen: readonly boolean[]; tenants: readonly Tenant[] },
  ) {
    this.#fanOut = fanOut;
    this.#scan = new RequestScan(limits.maxEnvelopeBytes, limits.maxSpanBytes);
    const always = hasWhen.reduce((set, has, at) => (has ? set : set | (1 << at)), 0);
    this.#exporters = hasWhen.includes(true) ? always : everyExporter;
    this.#counts = tenants.map(() => ({ spans: 0, traces: 0, bytes: 0, requests: 0 }));
  }

  /**
   * A request in protobuf, of which all is taken or nothing. Throws BadRequest where somebody would refuse it, and
   * Unavailable where a destination has no room for it now.
   */
  take(body: Uint8Array, { index, name }: Tenant): Restored {
    if (this.#exporters === 0)
      throw new BadRequest('every destination has a when: none gets what comes from an archive');
    const buf = new Uint8Array(body.length + slackBytes);
    buf.set(body);
    const { spans, traces } = this.#check(buf, body.length);
    const request = {
      ...{ body: buf.subarray(0, body.length), spans, traces, exporters: this.#exporters },
      ...(name !== '' && { tenant: name }),
    };
    if (!this.#fanOut.hasRoomFor(request))
      throw new Unavailable('a destination is behind, and has no room for more: try again in a moment');
    this.#fanOut.emit(request, () => {});
    const count = this.#counts[index];
    count.spans += spans;
    count.traces += traces;
    count.bytes += body.length;
    count.requests++;
    return { spans, traces };
  }

  /** Since the start, of all tenants. */
  get spans(): number {
    return this.#counts.reduce((sum, { spans }) => sum + spans, 0);
  }

  /** The books with what came this way. */
  inBooks<T extends Pick<GatewayStats, 'received' | 'outcomes' | 'tenants'>>(stats: T): T {
    const all = this.#counts.reduce(added, { spans: 0, traces: 0, bytes: 0, requests: 0 });
    const { tenants } = stats;
    const each = tenants?.map((tenant, at) => withCount(tenant, this.#counts[at]));
    return { ...withCount(stats, all), ...(each && { tenants: each }) };
  }

  #check(buf: Uint8Array, length: number): Restored {
    const scan = this.#scan;
    try {
      scan.run(buf, 0, length, noConditions);
    } catch (error) {
      throw error instanceof MalformedError ? new BadRequest(error.message) : error;
    }
    if (scan.invalid > 0) throw new BadRequest(`${scan.invalid} spans are not valid: ${scan.reason}`);
    if (scan.count === 0) throw new BadRequest('there is no span in it');
    const ids = new Set<string>();
    const { slices: rows, stride, count } = scan;
    for (let row = 0; row < count * stride; row += stride)
      ids.add(rows.subarray(row + Slice.traceIdA, row + Slice.traceIdA + 4).join());
    return { spans: count, traces: ids.size };
  }
}

const added = (a: RestoredCount, b: RestoredCount): RestoredCount => ({
  spans: a.spans + b.spans,
  traces: a.traces + b.traces,
  bytes: a.bytes + b.bytes,
  requests: a.requests + b.requests,
});

function withCount<T extends Pick<TenantStats, 'received' | 'outcomes'>>(
  stats: T,
  { spans, traces, bytes, requests }: RestoredCount,
): T {
  if (requests === 0) return stats;
  return {
    ...stats,
    received: { ...stats.received, restore: { spans, bytes, requests } },
    outcomes: [...stats.outcomes, { outcome: 'kept', policy: byHand, spans, traces }],
  };
}
