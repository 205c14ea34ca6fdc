import { serviceOf } from '../export/services.ts';
import type { ShownWriter } from '../shard/past-trace.ts';
import { readResource } from '../wire/envelope.ts';
import { ResourceSpans, ScopeSpans, Span } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';

/** More services than that are one, and more root spans' names are not known. */
const mostServices = 1024;
const mostNames = 16_384;
const longestName = 200;

/** Writes what somebody is shown: redacted. */
type NameWriter = Pick<ShownWriter, 'shown' | 'resource'>;

/** Texts by number; 0 stands for all that there was no room for. */
export class Names {
  readonly texts: string[];
  readonly #numbers = new Map<string, number>();
  readonly #most: number;

  constructor(other: string, most: number) {
    this.texts = [other];
    this.#most = most;
  }

  /** The number of a text, which is shown as `show` makes it. */
  of(text: string, show: (text: string) => string = (same) => same): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    if (this.texts.length > this.#most) return 0;
    const number = this.texts.push(show(text)) - 1;
    this.#numbers.set(text, number);
    return number;
  }

  /** The numbers here of another's. */
  numbersOf(texts: readonly string[]): Int32Array {
    return Int32Array.from(texts, (text, i) => (i === 0 ? 0 : this.of(text)));
  }
}

/** Names of services and of root spans, as somebody may read them. */
export class SpanNames {
  readonly services = new Names('(others)', mostServices);
  readonly roots = new Names('', mostNames);
  readonly #write: NameWriter | undefined;
  readonly #out = new Writer(1024);
  readonly #span = new Writer(1024);
  /** Of one stretch of bytes: the service by the position of its ResourceSpans. */
  readonly #known = new Map<number, number>();
  #bytes: Uint8Array | undefined;
  #lastAt = -1;
  #last = 0;

  /** Without `write`, names are shown as they are. */
  constructor(write?: NameWriter) {
    this.#write = write;
  }

  /** What was read means nothing in other bytes, or where they were exchanged. */
  forget(): void {
    this.#bytes = undefined;
  }

  /** The service of spans in `bytes` whose ResourceSpans has its length there. */
  serviceAt(bytes: Uint8Array, resourceSpansAt: number): number {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#known.clear();
      this.#lastAt = -1;
    }
    if (resourceSpansAt === this.#lastAt) return this.#last;
    let number = this.#known.get(resourceSpansAt);
    if (number === undefined) {
      const { resource } = readResource(bytes, resourceSpansAt);
      number = this.services.of(serviceOf(new Reader(resource)), (text) => this.#shownService(text, resource));
      this.#known.set(resourceSpansAt, number);
    }
    this.#lastAt = resourceSpansAt;
    return (this.#last = number);
  }

  /** The name of the span at bytes[start, end). */
  nameAt(bytes: Uint8Array, start: number, end: number): number {
    return this.roots.of(nameIn(new Reader(bytes, start, end)), (text) => this.#shownName(text));
  }

  #shownService(text: string, resource: Uint8Array): string {
    if (this.#write === undefined) return text;
    this.#write.resource(this.#out.reset(), resource, 0, resource.length);
    const outer = new Reader(this.#out.view());
    while (outer.next()) {
      if (outer.field === ResourceSpans.resource) return serviceOf(outer.message());
      outer.skip();
    }
    return text;
  }

  #shownName(text: string): string {
    if (this.#write === undefined) return text;
    this.#span.reset().string(Span.name, text);
    const span = this.#span.view();
    this.#write.shown(this.#out.reset(), span, 0, span.length);
    const outer = new Reader(this.#out.view());
    while (outer.next()) {
      if (outer.field === ScopeSpans.spans) return nameIn(outer.message());
      outer.skip();
    }
    return '';
  }
}

function nameIn(span: Reader): string {
  let name = '';
  while (span.next()) {
    if (span.field === Span.name && span.wireType === 2) name = span.string();
    else span.skip();
  }
  return name.length > longestName ? `${name.slice(0, longestName - 1)}…` : name;
}
