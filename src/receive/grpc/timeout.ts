const unitMs: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * The value of a `grpc-timeout` header in milliseconds; NaN where it breaks the grammar (PROTOCOL-HTTP2, "Timeout").
 */
export function parseTimeout(header: string): number {
  const match = /^(\d{1,8})([HMSmun])$/.exec(header);
  return match === null ? Number.NaN : Number(match[1]) * unitMs[match[2]];
}
