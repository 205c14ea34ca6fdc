import { describe, expect, it } from 'vitest';
import { readExportResponse, readRpcStatus, shorten } from '../../src/export/response.ts';
import { MalformedError } from '../../src/wire/reader.ts';
import { Writer } from '../../src/wire/writer.ts';
import { partialSuccess, rpcStatus } from './servers.ts';

function detail(writer: Writer, type: string, value?: (writer: Writer) => void): void {
  const any = writer.open(3);
  writer.string(1, type);
  if (value) {
    const mark = writer.open(2);
    value(writer);
    writer.close(mark);
  }
  writer.close(any);
}

describe('an export response', () => {
  it('without a partial success means all of it was taken', () => {
    expect(readExportResponse(new Uint8Array(0))).toEqual({ kind: 'accepted', rejectedSpans: 0, message: '' });
  });

  it('names the rejected spans and why', () => {
    expect(readExportResponse(partialSuccess(300, 'too old'))).toMatchObject({
      rejectedSpans: 300,
      message: 'too old',
    });
  });

  it('may carry fields that are not known yet', () => {
    const writer = new Writer();
    writer.string(9, 'new');
    const partial = writer.open(1);
    writer.string(7, 'new');
    writer.tag(1, 0);
    writer.varint(2);
    writer.close(partial);
    expect(readExportResponse(writer.finish()).rejectedSpans).toBe(2);
  });

  it('does not believe in a negative number of spans', () => {
    const writer = new Writer();
    const partial = writer.open(1);
    writer.tag(1, 0);
    writer.int64(-3n);
    writer.close(partial);
    expect(readExportResponse(writer.finish()).rejectedSpans).toBe(0);
  });

  it('is refused where it is cut off', () => {
    expect(() => readExportResponse(partialSuccess(1, 'x').subarray(0, -1))).toThrow(MalformedError);
  });
});

describe('a google.rpc.Status', () => {
  it('has a message, and a delay where RetryInfo is among its details', () => {
    expect(readRpcStatus(rpcStatus('later', 2500))).toEqual({ message: 'later', retryDelayMs: 2500 });
    expect(readRpcStatus(rpcStatus('no'))).toEqual({ message: 'no', retryDelayMs: null });
  });

  it('may have other details around RetryInfo', () => {
    const writer = new Writer();
    detail(writer, 'type.googleapis.com/google.rpc.BadRequest', (bad) => bad.string(1, 'field'));
    detail(writer, 'type.googleapis.com/google.rpc.RetryInfo', (info) => {
      const duration = info.open(1);
      info.tag(2, 0);
      info.varint(250_000_000);
      info.close(duration);
    });
    detail(writer, 'type.googleapis.com/google.rpc.Help');
    expect(readRpcStatus(writer.finish()).retryDelayMs).toBe(250);
  });

  it('may have a RetryInfo that names no delay: retryable, at once if need be', () => {
    const writer = new Writer();
    detail(writer, 'type.googleapis.com/google.rpc.RetryInfo');
    expect(readRpcStatus(writer.finish()).retryDelayMs).toBe(0);
  });
});

describe('what a server says', () => {
  it('fits a line of a status page', () => {
    expect(shorten('  one\n\ttwo  ')).toBe('one two');
    expect(shorten('x'.repeat(10_000))).toHaveLength(501);
  });
});
