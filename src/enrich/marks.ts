import type { Stamp } from '../model/stamp.ts';
import { Span } from '../wire/otlp.ts';
import type { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import { keyOf, writeAttribute } from './attributes.ts';
import { Suspects } from './suspects.ts';

const keys = ['tailgate.policy', 'tailgate.revision', 'tailgate.incomplete', 'tailgate.late', 'tailgate.rescued'];

/** Verdicts whose encoded attributes are remembered. */
const maxRemembered = 256;

/**
 * The verdict as attributes of the marked span: its bytes, and which attributes of a gateway before this one they
 * replace.
 */
export class Marks {
  readonly #suspects = new Suspects({ texts: ['tailgate.'], userinfo: false, digits: false, always: false });
  /** By policy, of the revision in force. */
  readonly #encoded = new Map<string, Uint8Array>();
  #revision = '';

  /** Could a span have such attributes already? May say yes for a text that names them. */
  among(buf: Uint8Array, start: number, end: number): boolean {
    return this.#suspects.among(buf, start, end);
  }

  /** The attribute fields of a Span message, encoded. Lent: do not change them. */
  of(stamp: Stamp): Uint8Array {
    if (stamp.incomplete || stamp.late || stamp.rescued) return encode(stamp);
    if (stamp.revision !== this.#revision || this.#encoded.size >= maxRemembered) this.#encoded.clear();
    this.#revision = stamp.revision;
    let encoded = this.#encoded.get(stamp.policy);
    if (!encoded) this.#encoded.set(stamp.policy, (encoded = encode(stamp)));
    return encoded;
  }

  /** Moves `r`, at an attribute, past it where a mark replaces it; else leaves it where it is. */
  skips(r: Reader): boolean {
    const start = r.pos;
    const replaced = keys.includes(keyOf(r.message()));
    if (!replaced) r.pos = start;
    return replaced;
  }
}

function encode({ policy, revision, incomplete, late, rescued }: Stamp): Uint8Array {
  const out = new Writer(128);
  writeAttribute(out, Span.attributes, 'tailgate.policy', policy);
  writeAttribute(out, Span.attributes, 'tailgate.revision', revision);
  if (incomplete) writeAttribute(out, Span.attributes, 'tailgate.incomplete', true);
  if (late) writeAttribute(out, Span.attributes, 'tailgate.late', true);
  if (rescued) writeAttribute(out, Span.attributes, 'tailgate.rescued', true);
  return out.finish();
}
