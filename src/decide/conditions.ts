import { type AttributeCondition, maxConditions, type SpanConditions } from '../model/conditions.ts';
import type { StatusCodeName } from '../model/rules.ts';

const codes: Record<StatusCodeName, number> = { UNSET: 0, OK: 1, ERROR: 2 };
const utf8 = new TextEncoder();

/** Gathers what the policies of one document ask of spans; each question becomes a bit. */
export class ConditionsBuilder {
  readonly #statusBits = new Int32Array(4);
  readonly #keys = new Map<string, { matchers: AttributeCondition['match'][]; bits: number }>();
  readonly #asked: string[] = [];
  #slowNs = Number.POSITIVE_INFINITY;
  #slowBits = 0;

  /** Some span has one of these status codes. */
  status(names: readonly StatusCodeName[]): number {
    // However a policy writes them, there are only seven sets of codes to ask for.
    const asked = [...new Set(names)].sort();
    const bit = this.#bit(`status ${asked.join(',')}`);
    for (const name of asked) this.#statusBits[codes[name]] |= bit;
    return bit;
  }

  /** Some span took longer than this. */
  slowerThan(ms: number): number {
    this.#slowNs = ms * 1e6;
    this.#slowBits = this.#bit(`slower ${ms}`);
    return this.#slowBits;
  }

  /** Some span has one of these attributes and `match` says true of its value, an AnyValue message. */
  attribute(
    asked: string,
    keys: readonly string[],
    match: (key: string) => (buf: Uint8Array, start: number, end: number) => boolean,
  ): number {
    const bit = this.#bit(asked);
    for (const key of keys) {
      const test = match(key);
      const entry = this.#keys.get(key) ?? { matchers: [], bits: 0 };
      entry.matchers.push((buf, start, end) => (test(buf, start, end) ? bit : 0));
      entry.bits |= bit;
      this.#keys.set(key, entry);
    }
    return bit;
  }

  build(): SpanConditions {
    const keysByLength: AttributeCondition[][] = new Array(128);
    for (const [name, { matchers, bits }] of this.#keys) {
      const key = utf8.encode(name);
      (keysByLength[key.length] ??= []).push({ key, bits, match: anyOf(matchers) });
    }
    return {
      statusBits: this.#statusBits,
      slowNs: this.#slowNs,
      slowBits: this.#slowBits,
      keysByLength,
      identity: this.#asked.join('\n'),
    };
  }

  #bit(asked: string): number {
    const known = this.#asked.indexOf(asked);
    if (known >= 0) return 1 << known;
    if (this.#asked.length === maxConditions) throw new RangeError(`more than ${maxConditions} different conditions`);
    return 1 << (this.#asked.push(asked) - 1);
  }
}

function anyOf(matchers: readonly AttributeCondition['match'][]): AttributeCondition['match'] {
  if (matchers.length === 1) return matchers[0];
  return (buf, start, end) => {
    let bits = 0;
    for (const match of matchers) bits |= match(buf, start, end);
    return bits;
  };
}
