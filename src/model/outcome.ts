/** How a span left, or that it has not left yet. The books: received = the sum of these + waiting. */
export const outcomes = [
  'kept',
  'dropped',
  'late_kept',
  'late_dropped',
  'produced',
  'forwarded',
  'rejected',
  'invalid',
  'lost',
] as const;
export type Outcome = (typeof outcomes)[number];
/** Others decide about these, or never take them: gateways that are alone have none. */
export const handedOn: readonly string[] = ['produced', 'forwarded', 'rejected'] satisfies Outcome[];

/** The books as people read them. */
export const bookRows: readonly string[] = ['received', ...outcomes, 'waiting'];

/** The three ways in. */
export const protocols = ['grpc', 'http_protobuf', 'http_json'] as const;
export type Protocol = (typeof protocols)[number];

/**
 * Where spans come from that are received: over a protocol, from a topic, from a member of the fleet, once more, brought
 * back out of the window, or out of an archive.
 */
export const sources = [...protocols, 'kafka', 'cluster', 'window', 'restore'] as const;
export type Source = (typeof sources)[number];

/** What made a trace's decision fall due. */
export const triggers = ['wait', 'root', 'size', 'full', 'shutdown'] as const;
export type Trigger = (typeof triggers)[number];

/** A request that others have, who decide. */
export interface Produced {
  readonly protocol: Protocol;
  readonly bytes: number;
  /** Of those, `invalid` were left out. */
  readonly spans: number;
  readonly invalid: number;
}
