import { expect, it } from 'vitest';
import { mendText, spanTexts } from '../../src/wire/mend-text.ts';
import { Reader } from '../../src/wire/reader.ts';
import { Writer } from '../../src/wire/writer.ts';

const marked = '\ufeffSELECT 1 — \ufeff';

it('leaves a text the byte order mark that it begins with', () => {
  const w = new Writer();
  w.string(5, marked);
  const r = new Reader(w.finish());
  r.next();
  expect(r.string()).toBe(marked);
});

it('leaves it there, too, where another text of the span is mended', () => {
  const w = new Writer();
  w.string(5, marked);
  w.bytes(3, Uint8Array.from([0x61, 0xff]));
  const span = w.finish();
  const mended = new Reader(mendText(span, 0, span.length, spanTexts)!.finish(), 0);
  mended.next();
  expect(mended.string()).toBe(marked);
  mended.next();
  expect(mended.string()).toBe('a\ufffd');
});
