import { type Envelope, type ResourceEnvelope, readResource, readScope } from './envelope.ts';

/** The envelopes of one request, each read once, and each the same object for all of its slices. */
export class Envelopes {
  readonly #buf: Uint8Array;
  /** Whoever looks for a resource passes all scopes beside it: once, not for each of them. */
  readonly #resources = new Map<number, ResourceEnvelope>();
  readonly #byScope = new Map<number, Envelope>();
  #last: Envelope | undefined;
  #lastAt = 0;

  readonly #added: ((resource: Uint8Array) => Uint8Array) | undefined;

  /** `added`: what a Resource message becomes, asked once for each. */
  constructor(buf: Uint8Array, added?: (resource: Uint8Array) => Uint8Array) {
    this.#buf = buf;
    this.#added = added;
  }

  /** Of slices with these two positions, see readEnvelope; a ScopeSpans has one place, and is of one ResourceSpans. */
  at(resourceSpansAt: number, scopeSpansAt: number): Envelope {
    if (this.#last !== undefined && scopeSpansAt === this.#lastAt) return this.#last;
    this.#lastAt = scopeSpansAt;
    this.#last = this.#byScope.get(scopeSpansAt) ?? this.#read(resourceSpansAt, scopeSpansAt);
    return this.#last;
  }

  #read(resourceSpansAt: number, scopeSpansAt: number): Envelope {
    let resource = this.#resources.get(resourceSpansAt);
    if (resource === undefined) {
      resource = readResource(this.#buf, resourceSpansAt);
      if (this.#added !== undefined) resource = { ...resource, resource: this.#added(resource.resource) };
      this.#resources.set(resourceSpansAt, resource);
    }
    const envelope = { ...resource, ...readScope(this.#buf, scopeSpansAt) };
    this.#byScope.set(scopeSpansAt, envelope);
    return envelope;
  }
}
