/** What a fleet has to take. */
export interface Load {
  readonly spansPerSecond: number;
  /** Of a span on the wire, uncompressed. */
  readonly spanBytes: number;
  readonly waitMs: number;
  readonly spansPerTrace: number;
  /** 0 to 1. */
  readonly keptShare: number;
  /** Agents send each trace to its owner; without them most spans reach another gateway first. */
  readonly hasAgents: boolean;
  readonly coresPerGateway: number;
  /** How long Kafka keeps what it has, for replay. */
  readonly kafkaRetentionMs: number;
}

/** What it takes to do so. Rates are per second. */
export interface Size {
  readonly gateways: number;
  readonly cores: { readonly deciding: number; readonly handing: number; readonly needed: number };
  readonly waiting: { readonly spans: number; readonly bytes: number };
  /** Of one gateway, while one other is gone. */
  readonly bufferBytes: number;
  readonly memoryLimitBytes: number;
  readonly network: { readonly inBytes: number; readonly betweenBytes: number; readonly outBytes: number };
  readonly keptBytesPerDay: number;
  readonly kafka: { readonly bytes: number; readonly partitions: number; readonly diskBytes: number };
}

/**
 * What was measured (docs/performance.md, docs/scaling.md), with spans of 450 bytes on a virtual machine's core; where
 * figures of several runs differ, the worse one.
 */
export const measured = {
  /** As shipped, with store and compression, a client of grpc-go's. */
  spansPerCpuSecond: 669_000,
  spanBytes: 450,
  /** Rows, records and index of a waiting span, beside its own bytes: 494 of 449. */
  bookkeepingBytes: 45,
  decisionBytes: 102,
} as const;

/** What was not measured, but chosen; docs/scaling.md says why. */
export const chosen = {
  /** Of a core's time, so that acknowledgements stay quick. */
  utilization: 0.5,
  /** Of what deciding costs: measured with two gateways of which one is asked, docs/performance.md § A fleet. */
  hopCost: 1.8,
  /** The largest share over the mean share of traces, and bursts. */
  unevenness: 1.25,
  bufferShareOfLimit: 0.4,
  rememberedMs: 60_000,
  bytesPerPartition: 5_000_000,
  replicas: 3,
} as const;

/** What a load takes, by the formulas of docs/scaling.md. Pure. */
export function sizeOf(load: Load): Size {
  const { spansPerSecond: rate, spanBytes, waitMs, spansPerTrace, keptShare } = load;
  // A larger span costs more to copy and to scan; in proportion is the most that it can be.
  const deciding = (rate / measured.spansPerCpuSecond) * Math.max(1, spanBytes / measured.spanBytes);
  const { gateways, handing, needed } = gatewaysFor(deciding, load);
  const spans = (rate * waitMs) / 1000;
  const bytes = spans * (spanBytes + measured.bookkeepingBytes);
  const decisions = (((rate / spansPerTrace) * chosen.rememberedMs) / 1000) * measured.decisionBytes;
  const bufferBytes = ((bytes + decisions) * chosen.unevenness) / Math.max(1, gateways - 1);
  const inBytes = rate * spanBytes;
  return {
    gateways,
    cores: { deciding, handing, needed },
    waiting: { spans, bytes },
    bufferBytes,
    memoryLimitBytes: bufferBytes / chosen.bufferShareOfLimit,
    network: { inBytes, betweenBytes: inBytes * hopShare(gateways, load), outBytes: inBytes * keptShare },
    keptBytesPerDay: inBytes * keptShare * 86_400,
    kafka: {
      bytes: inBytes,
      partitions: Math.max(2 * gateways, Math.ceil(inBytes / chosen.bytesPerPartition)),
      diskBytes: (inBytes * chosen.replicas * load.kafkaRetentionMs) / 1000,
    },
  };
}

/** The part of all spans that comes to a gateway that does not own them. */
const hopShare = (gateways: number, { hasAgents }: Load): number => (hasAgents ? 0 : (gateways - 1) / gateways);

/** As many as take it all while one of them is gone; more of them hand more to each other. */
function gatewaysFor(deciding: number, load: Load): { gateways: number; handing: number; needed: number } {
  let working = 1;
  for (;;) {
    const handing = deciding * hopShare(working + 1, load) * chosen.hopCost;
    const needed = (deciding + handing) / chosen.utilization;
    const wanted = Math.max(1, Math.ceil(needed / load.coresPerGateway));
    if (wanted <= working) return { gateways: working + 1, handing, needed };
    working = wanted;
  }
}
