import type { KeyedHash } from '../tables/keyed-hash.ts';
import type { Envelope } from '../wire/envelope.ts';
import { fieldBytes, Writer } from '../wire/writer.ts';
import type { SpareWriters } from './spare-writers.ts';

/**
 * Writes what leaves: the seam to enrichment. Each writes whole fields: Resource and Scope as field 1 of what holds
 * them.
 */
export interface EnvelopeWriter {
  resource(out: Writer, buf: Uint8Array, start: number, end: number): void;
  scope(out: Writer, buf: Uint8Array, start: number, end: number): void;
}

/** All spans of a batch that share resource, scope and schema URLs. */
export interface ScopeGroup {
  /** The batch's groups that it is one of. */
  readonly owner: Groups;
  readonly resource: ResourceGroup;
  readonly scope: Uint8Array;
  readonly scopeRest: Uint8Array;
  /** The scope field as it leaves. */
  readonly head: Uint8Array;
  /** Span fields, one after the other. */
  readonly spans: Writer;
  count: number;
  /** Where the trace that is being added starts in `spans`, valid while `unit` is its number. */
  unit: number;
  unitStart: number;
  unitCount: number;
}

interface ResourceGroup {
  readonly resource: Uint8Array;
  readonly resourceRest: Uint8Array;
  readonly head: Uint8Array;
  readonly scopes: ScopeGroup[];
}

/**
 * The groups of one batch. Envelopes are found by a keyed hash and compared by their bytes, so that spans of one sender
 * merge across requests, and however many envelopes a sender makes up, each is found at once.
 */
export class Groups {
  readonly resources: ResourceGroup[] = [];
  readonly #write: EnvelopeWriter;
  readonly #writers: SpareWriters;
  readonly #hash: KeyedHash;
  readonly #byResource = new Map<number, ResourceGroup[]>();
  readonly #byEnvelope = new Map<number, ScopeGroup[]>();
  readonly #scratch = new Writer(256);

  constructor(write: EnvelopeWriter, writers: SpareWriters, hash: KeyedHash) {
    this.#write = write;
    this.#writers = writers;
    this.#hash = hash;
  }

  /** The group of an envelope, made where there is none yet; the envelope's bytes are copied. */
  of(envelope: Envelope): ScopeGroup {
    const { scope, scopeRest } = envelope;
    const resourceHash = this.#hash.start().add(envelope.resource).add(envelope.resourceRest).value();
    const known = listIn(this.#byEnvelope, this.#hash.add(scope).add(scopeRest).value());
    for (const group of known) if (isOf(group.resource, envelope) && isScope(group, envelope)) return group;
    const resource = this.#resource(envelope, resourceHash);
    const out = this.#scratch.reset();
    if (scope.length > 0) this.#write.scope(out, scope, 0, scope.length);
    const made: ScopeGroup = {
      owner: this,
      resource,
      scope: scope.slice(),
      scopeRest: scopeRest.slice(),
      head: out.finish(),
      spans: this.#writers.take(),
      count: 0,
      unit: -1,
      unitStart: 0,
      unitCount: 0,
    };
    known.push(made);
    resource.scopes.push(made);
    return made;
  }

  #resource(envelope: Envelope, hash: number): ResourceGroup {
    const known = listIn(this.#byResource, hash);
    for (const group of known) if (isOf(group, envelope)) return group;
    const out = this.#scratch.reset();
    this.#write.resource(out, envelope.resource, 0, envelope.resource.length);
    const made: ResourceGroup = {
      resource: envelope.resource.slice(),
      resourceRest: envelope.resourceRest.slice(),
      head: out.finish(),
      scopes: [],
    };
    known.push(made);
    this.resources.push(made);
    return made;
  }

  /** The exact length of the request that `finish` would make. */
  bytes(): number {
    let total = 0;
    for (const resource of this.resources) {
      const inner = resourceBytes(resource);
      if (inner > 0) total += fieldBytes(inner);
    }
    return total;
  }

  /**
   * The batch as one ExportTraceServiceRequest, written into memory of `bytes()`; groups without spans are left out.
   */
  finish(memory: Uint8Array): Uint8Array {
    const out = new Writer(memory);
    for (const resource of this.resources) {
      const inner = resourceBytes(resource);
      if (inner === 0) continue;
      out.tag(1, 2);
      out.varint(inner);
      out.raw(resource.head);
      for (const scope of resource.scopes) if (scope.count > 0) finishScope(out, scope);
      out.raw(resource.resourceRest);
    }
    return out.view();
  }

  /** Bytes of memory that is written to, full or not. */
  get heldBytes(): number {
    let total = 0;
    for (const { scopes } of this.resources) for (const { spans } of scopes) total += spans.buf.length;
    return total;
  }

  /** The end of the groups: their buffers are others' from now on. */
  release(): void {
    for (const { scopes } of this.resources) for (const { spans } of scopes) this.#writers.giveBack(spans);
  }
}

function finishScope(out: Writer, scope: ScopeGroup): void {
  out.tag(2, 2);
  out.varint(scopeBytes(scope));
  out.raw(scope.head);
  out.raw(scope.spans.buf, 0, scope.spans.pos);
  out.raw(scope.scopeRest);
}

function resourceBytes(group: ResourceGroup): number {
  let inner = 0;
  for (const scope of group.scopes) if (scope.count > 0) inner += fieldBytes(scopeBytes(scope));
  return inner === 0 ? 0 : inner + group.head.length + group.resourceRest.length;
}

const scopeBytes = (scope: ScopeGroup): number => scope.head.length + scope.spans.pos + scope.scopeRest.length;

/** The groups of one hash: nearly always one. */
function listIn<T>(groups: Map<number, T[]>, hash: number): T[] {
  let list = groups.get(hash);
  if (list === undefined) groups.set(hash, (list = []));
  return list;
}

const isOf = (group: ResourceGroup, { resource, resourceRest }: Envelope): boolean =>
  equal(group.resource, resource) && equal(group.resourceRest, resourceRest);
const isScope = (group: ScopeGroup, { scope, scopeRest }: Envelope): boolean =>
  equal(group.scope, scope) && equal(group.scopeRest, scopeRest);

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
