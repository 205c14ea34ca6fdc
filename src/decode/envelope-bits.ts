import type { EnvelopeConditions } from '../model/conditions.ts';
import { bodyEnd, fieldNumber, fieldType, open, readTag, skipValue } from '../wire/cursor.ts';
import { Resource, Scope } from '../wire/otlp.ts';
import { attributeBits, NamedKeys } from './named-keys.ts';

/** What rules ask of resources, or of scopes: asked once for all spans in one. */
export class EnvelopeBits {
  readonly #conditions: EnvelopeConditions;
  readonly #keys: NamedKeys;
  readonly #attributes: number;

  constructor(of: 'resource' | 'scope', conditions: EnvelopeConditions) {
    this.#conditions = conditions;
    this.#keys = new NamedKeys(conditions.attributes);
    this.#attributes = of === 'resource' ? Resource.attributes : Scope.attributes;
  }

  /** Another resource, or scope, begins; it may come in several parts. */
  begin(): void {
    this.#keys.begin();
  }

  /** The bits of the message at buf[start, end), well-formed, beside those that are set already. */
  of(buf: Uint8Array, start: number, end: number, set: number, wide: Int32Array): number {
    const { name, version } = this.#conditions;
    let bits = set;
    // A text that is left out is an empty one.
    let [hasName, hasVersion] = [name === undefined, version === undefined];
    for (let pos = start; pos < end; ) {
      pos = readTag(buf, pos, end);
      const [number, type] = [fieldNumber, fieldType];
      const at = type === 2 ? open(buf, pos, end) : pos;
      const to = type === 2 ? bodyEnd : skipValue(buf, pos, end, type);
      if (number === this.#attributes) bits |= attributeBits(this.#keys, buf, at, to, bits, wide);
      else if (number === Scope.name && name !== undefined) {
        bits |= name(buf, at, to, wide);
        hasName = true;
      } else if (number === Scope.version && version !== undefined) {
        bits |= version(buf, at, to, wide);
        hasVersion = true;
      }
      pos = to;
    }
    if (!hasName) bits |= name?.(buf, end, end, wide) ?? 0;
    if (!hasVersion) bits |= version?.(buf, end, end, wide) ?? 0;
    return bits;
  }
}
