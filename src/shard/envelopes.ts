import type { ScopeGroup } from '../batch/group.ts';
import { type Envelope, type ResourceEnvelope, readResource, readScope } from '../wire/envelope.ts';

/** An envelope, and the group of the batch that it got last. */
export interface KnownEnvelope extends Envelope {
  group: ScopeGroup | undefined;
}

/** A compressed segment's bytes are unpacked for the moment, and must not be held for longer. */
const maxSegments = 8;

/** What was read of one segment's envelopes, by their positions. */
interface OfSegment {
  readonly resources: Map<number, ResourceEnvelope>;
  readonly envelopes: Map<number, KnownEnvelope>;
}

/**
 * Envelopes read since the last `forget`, so that one that a thousand traces share is read, hashed and compared once
 * and not a thousand times. Positions mean something only until something lands in a segment or is taken over from
 * another shard, which may have used its memory again at once: who lets that happen calls `forget` first, before each
 * landing and each batch.
 */
export class Envelopes {
  readonly #segments = new Map<Uint8Array, OfSegment>();
  /** Bytes of envelopes that were read so far. */
  readBytes = 0;

  forget(): void {
    if (this.#segments.size > 0) this.#segments.clear();
  }

  /** The envelope of slices in `buf`, a segment's bytes, with these two positions; see readEnvelope. */
  at(buf: Uint8Array, resourceSpansAt: number, scopeSpansAt: number): KnownEnvelope {
    let of = this.#segments.get(buf);
    if (of === undefined) {
      if (this.#segments.size >= maxSegments) this.#segments.clear();
      this.#segments.set(buf, (of = { resources: new Map(), envelopes: new Map() }));
    }
    let envelope = of.envelopes.get(scopeSpansAt);
    if (envelope === undefined) {
      let resource = of.resources.get(resourceSpansAt);
      if (resource === undefined) {
        of.resources.set(resourceSpansAt, (resource = readResource(buf, resourceSpansAt)));
        this.readBytes += resource.resource.length + resource.resourceRest.length;
      }
      envelope = { ...resource, ...readScope(buf, scopeSpansAt), group: undefined };
      this.readBytes += envelope.scope.length + envelope.scopeRest.length;
      of.envelopes.set(scopeSpansAt, envelope);
    }
    return envelope;
  }
}
