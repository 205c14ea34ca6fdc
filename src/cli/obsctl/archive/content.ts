import { createHash } from 'node:crypto';
import { Reader } from '../../../wire/reader.ts';
import { type NotCarried, TraceText } from './trace-text.ts';

/** What is put into an archive. Its size and sum are known before any of it is written. */
export interface Content {
  readonly bytes: number;
  /** SHA-256 in hex. */
  readonly sha256: string;
  /** The same each time: whoever asks owns them. */
  pieces(): Iterable<Uint8Array>;
}

const pieceChars = 256 * 1024;

/**
 * A trace as OTLP JSON, which is made anew for whoever wants it: a trace of 100 MB is three times that as text, and
 * never in memory as a whole. Throws TraceFault and MalformedError for what is no trace.
 */
export function traceContent(trace: Uint8Array): { readonly content: Content; readonly notCarried: NotCarried } {
  const text = new TraceText();
  const content = measured(() => inPieces(text.pieces(new Reader(trace))));
  return {
    content: { ...content, pieces: () => inPieces(new TraceText().pieces(new Reader(trace))) },
    notCarried: text.notCarried,
  };
}

/** A trace's content with its list under the name by which Grafana's "Import trace" looks for it. */
export function grafanaContent(trace: Content): Content {
  return measured(function* () {
    let isFirst = true;
    for (const piece of trace.pieces()) {
      yield isFirst ? Buffer.from(Buffer.from(piece).toString().replace('"resourceSpans"', '"batches"')) : piece;
      isFirst = false;
    }
  });
}

export const textContent = (text: string): Content => measured(() => [Buffer.from(text)]);

function measured(pieces: () => Iterable<Uint8Array>): Content {
  const hash = createHash('sha256');
  let bytes = 0;
  for (const piece of pieces()) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { bytes, sha256: hash.digest('hex'), pieces };
}

function* inPieces(texts: Iterable<string>): Generator<Uint8Array> {
  let joined = '';
  for (const text of texts) {
    joined += text;
    if (joined.length < pieceChars) continue;
    yield Buffer.from(joined);
    joined = '';
  }
  yield Buffer.from(`${joined}\n`);
}
