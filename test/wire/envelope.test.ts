import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RequestScan } from '../../src/decode/scan.ts';
import { Slice, sliceWords } from '../../src/model/slice.ts';
import { readEnvelope, skippable, tailAt } from '../../src/wire/envelope.ts';
import { Writer } from '../../src/wire/writer.ts';
import { spanBytes } from '../support/spans.ts';
import { compiled, seedRules } from '../support/story.ts';

const { conditions } = compiled(seedRules);
const url = 'https://opentelemetry.io/schemas/1.24.0';

/** What a ScopeSpans is made of, in the order of writing. `decoy` is a span whose last bytes look like a schema URL. */
type Part = 'span' | 'decoy' | 'scope' | 'schemaUrl' | 'longUrl' | 'unknown';

function write(w: Writer, part: Part): void {
  if (part === 'span') w.bytes(2, spanBytes({ trace: 'a', padding: 20 }));
  else if (part === 'decoy') w.bytes(2, spanBytes({ trace: 'a', unknown: Uint8Array.of(0xa2, 6, 4, 1, 0x1a, 1, 2) }));
  else if (part === 'scope') w.bytes(1, Uint8Array.of(0x0a, 1, 0x73));
  else if (part === 'schemaUrl') w.string(3, url);
  else if (part === 'longUrl') w.string(3, url.repeat(4));
  else w.bytes(99, Uint8Array.of(1, 2, 3));
}

function scanned(parts: readonly Part[]) {
  const w = new Writer();
  const resourceSpans = w.open(1);
  const scopeSpans = w.open(2);
  for (const part of parts) write(w, part);
  w.close(scopeSpans);
  w.close(resourceSpans);
  const buf = new Uint8Array(w.pos + 64);
  buf.set(w.view());
  const scan = new RequestScan();
  scan.run(buf, 0, w.pos, conditions);
  const row = (i: number, column: number): number => scan.slices[i * sliceWords + column];
  return { buf, resourceAt: row(0, Slice.resourceSpans), scopeAt: row(0, Slice.scopeSpans) };
}

const spans = (count: number): Part[] => new Array<Part>(count).fill('span');
const isSkippable = (parts: readonly Part[]): boolean => (scanned(parts).scopeAt & skippable) !== 0;

describe('the envelope of a request', () => {
  it('is read without its spans as SDKs write it: scope, spans, schema URL', () => {
    expect(isSkippable(['scope', ...spans(20), 'schemaUrl'])).toBe(true);
    expect(isSkippable(['scope', ...spans(20)])).toBe(true);
    const { buf, resourceAt, scopeAt } = scanned(['scope', ...spans(20), 'schemaUrl']);
    const { scope, scopeRest } = readEnvelope(buf, resourceAt, scopeAt);
    expect([...scope]).toEqual([0x0a, 1, 0x73]);
    expect(new TextDecoder().decode(scopeRest)).toContain(url);
  });

  it('is read field by field where something stands between the spans, or behind them that is no short schema URL', () => {
    expect(isSkippable([...spans(10), 'scope', ...spans(10)])).toBe(false);
    expect(isSkippable(['scope', ...spans(20), 'longUrl'])).toBe(false);
    expect(isSkippable(['scope', ...spans(20), 'unknown'])).toBe(false);
    expect(isSkippable(['scope', ...spans(20), 'decoy'])).toBe(false);
    expect(isSkippable(['scope', 'schemaUrl', ...spans(3)])).toBe(false);
  });

  it('is the same either way, whatever the order of fields', () => {
    const extra = fc.constantFrom<Part>('scope', 'schemaUrl', 'longUrl', 'unknown', 'decoy');
    const around = fc.array(extra, { maxLength: 3 });
    const order = fc.tuple(around, fc.nat(20), around, fc.nat(20), around);
    fc.assert(
      fc.property(order, ([head, before, middle, after, tail]) => {
        const parts = [...head, ...spans(before + 1), ...middle, ...spans(after), ...tail];
        const { buf, resourceAt, scopeAt } = scanned(parts);
        const fast = readEnvelope(buf, resourceAt, scopeAt);
        expect(fast).toEqual(readEnvelope(buf, resourceAt, scopeAt & ~skippable));
      }),
      { numRuns: 300 },
    );
  });

  it('never looks for a schema URL outside of the bytes there are', () => {
    expect(tailAt(Uint8Array.of(0x1a, 0), 2)).toBe(0);
    expect(tailAt(Uint8Array.of(7), 1)).toBe(1);
  });
});
