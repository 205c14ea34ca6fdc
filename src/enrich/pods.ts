import type { Pod, PodChanges } from '../model/pod.ts';
import { AnyValue, KeyValue, Resource } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import { attributeBytes } from './attributes.ts';

/** An attribute of a pod, as a field of a Resource message. */
export interface PodAttribute {
  readonly key: string;
  readonly encoded: Uint8Array;
}

interface Known {
  readonly pod: Pod;
  /** Written when a kept trace first needs them. */
  attributes: readonly PodAttribute[] | undefined;
  name: Uint8Array | undefined;
}

const none: readonly PodAttribute[] = [];
const uidKey = 'k8s.pod.uid';
const ipKey = 'k8s.pod.ip';

/**
 * The pods that are known, in each thread its own copy, and what they add to a resource that names one by `k8s.pod.uid` or
 * `k8s.pod.ip`. Whoever publishes changes bounds how many there are.
 */
export class Pods {
  readonly #byUid = new Map<string, Known>();
  readonly #byIp = new Map<string, Known>();

  get size(): number {
    return this.#byUid.size;
  }

  /** An address goes to whoever got it last: it is given again as soon as its pod has ended. */
  change({ put, gone }: PodChanges): void {
    for (const uid of gone) this.#forget(uid);
    for (const pod of put) {
      this.#forget(pod.uid);
      const known: Known = { pod, attributes: undefined, name: undefined };
      this.#byUid.set(pod.uid, known);
      for (const ip of pod.ips) this.#byIp.set(ip, known);
    }
  }

  /** What buf[start, end), a Resource message, gets of its pod. */
  attributesFor(buf: Uint8Array, start: number, end: number): readonly PodAttribute[] {
    if (this.#byUid.size === 0) return none;
    const { uid, ip } = podIn(new Reader(buf, start, end));
    return this.#attributes((uid && this.#byUid.get(uid)) || (ip && this.#byIp.get(ip)) || undefined);
  }

  /**
   * `k8s.pod.uid` of the pod that has this address for itself, as a field of a Resource message; undefined where none has:
   * pods in their node's network have none of their own.
   */
  nameOf(address: string): Uint8Array | undefined {
    if (this.#byIp.size === 0) return undefined;
    // As a listener on [::] has them that came by IPv4.
    const known = this.#byIp.get(address.startsWith('::ffff:') ? address.slice(7) : address);
    if (known === undefined) return undefined;
    known.name ??= attributeBytes(Resource.attributes, uidKey, known.pod.uid);
    return known.name;
  }

  /** Does the text stand in an attribute of some pod? */
  writes(text: string): boolean {
    for (const { pod } of this.#byUid.values())
      for (const [key, value] of Object.entries(pod.attributes))
        if (key.includes(text) || value.includes(text)) return true;
    return false;
  }

  #attributes(known: Known | undefined): readonly PodAttribute[] {
    if (known === undefined) return none;
    known.attributes ??= Object.entries(known.pod.attributes).map(([key, value]) => ({
      key,
      encoded: attributeBytes(Resource.attributes, key, value),
    }));
    return known.attributes;
  }

  #forget(uid: string): void {
    const known = this.#byUid.get(uid);
    if (known === undefined) return;
    this.#byUid.delete(uid);
    for (const ip of known.pod.ips) if (this.#byIp.get(ip) === known) this.#byIp.delete(ip);
  }
}

/** How a Resource message names its pod. */
export function podIn(r: Reader): { uid?: string; ip?: string } {
  const found: { uid?: string; ip?: string } = {};
  while (r.next()) {
    if (r.field !== Resource.attributes || r.wireType !== 2) r.skip();
    else {
      const { key, text } = keyAndText(r.message());
      if (key === uidKey) found.uid ??= text;
      else if (key === ipKey) found.ip ??= text;
    }
  }
  return found;
}

/** An attribute's key, and its value where that is a text; of other keys than a pod's nobody needs it. */
function keyAndText(r: Reader): { key: string; text: string } {
  let key = '';
  let value: Reader | undefined;
  while (r.next()) {
    if (r.field === KeyValue.key && r.wireType === 2) key = r.string();
    else if (r.field === KeyValue.value && r.wireType === 2) value = r.message();
    else r.skip();
  }
  return { key, text: value && (key === uidKey || key === ipKey) ? textIn(value) : '' };
}

function textIn(r: Reader): string {
  let text = '';
  while (r.next()) {
    if (r.field === AnyValue.string && r.wireType === 2) text = r.string();
    else r.skip();
  }
  return text;
}
