import { status as Code } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { judgeGrpc, judgeHttp, parseRetryAfter } from '../../src/export/answer.ts';

describe('a gRPC status', () => {
  const table: [keyof typeof Code, string][] = [
    ['CANCELLED', 'retryable'],
    ['UNKNOWN', 'refused'],
    ['INVALID_ARGUMENT', 'refused'],
    ['DEADLINE_EXCEEDED', 'retryable'],
    ['NOT_FOUND', 'rejected'],
    ['ALREADY_EXISTS', 'rejected'],
    ['PERMISSION_DENIED', 'rejected'],
    ['RESOURCE_EXHAUSTED', 'rejected'],
    ['FAILED_PRECONDITION', 'refused'],
    ['ABORTED', 'retryable'],
    ['OUT_OF_RANGE', 'retryable'],
    ['UNIMPLEMENTED', 'rejected'],
    ['INTERNAL', 'refused'],
    ['UNAVAILABLE', 'retryable'],
    ['DATA_LOSS', 'retryable'],
    ['UNAUTHENTICATED', 'rejected'],
  ];

  it.each(table)('%s is %s, by the table of the OTLP specification', (code, kind) => {
    expect(judgeGrpc(Code[code], 'because', null)).toMatchObject({ kind, message: `${code}: because` });
  });

  it('RESOURCE_EXHAUSTED with RetryInfo is retryable, even with a delay of nothing', () => {
    expect(judgeGrpc(Code.RESOURCE_EXHAUSTED, 'slow down', 5000)).toMatchObject({ kind: 'retryable', waitMs: 5000 });
    expect(judgeGrpc(Code.RESOURCE_EXHAUSTED, 'slow down', 0)).toMatchObject({ kind: 'retryable', waitMs: 0 });
  });

  it('RetryInfo does not make a permanent error retryable', () => {
    expect(judgeGrpc(Code.INVALID_ARGUMENT, 'bad', 5000).kind).toBe('refused');
  });

  it('without details says no more than its code', () => {
    expect(judgeGrpc(Code.UNAVAILABLE, '', null).message).toBe('UNAVAILABLE');
    expect(judgeHttp(503, '', 0).message).toBe('HTTP 503');
  });

  it('a code that nobody knows is final', () => {
    expect(judgeGrpc(99, 'what', null)).toEqual({ kind: 'rejected', message: 'code 99: what' });
  });

  it.each([
    ['RESOURCE_EXHAUSTED', 'grpc: received message larger than max (5242880 vs. 4194304)'],
    ['RESOURCE_EXHAUSTED', 'grpc: received message after decompression larger than max (5242880 vs. 4194304)'],
    ['RESOURCE_EXHAUSTED', 'Received message that decompresses to a size larger than 4194304'],
    ['RESOURCE_EXHAUSTED', 'gRPC message exceeds maximum size 4194304: 5242880'],
    ['OUT_OF_RANGE', 'Error, decoded message length too large: found 5242880 bytes, the limit is: 4194304 bytes'],
    ['UNKNOWN', 'Received HTTP status code 413'],
  ] as const)('%s "%s" means too large', (code, details) => {
    expect(judgeGrpc(Code[code], details, null).kind).toBe('too_large');
  });

  it.each([
    ['INTERNAL', 'Compressed flag set, but no grpc-encoding header'],
    ['INTERNAL', 'grpc: failed to decompress the received message: gzip: invalid header'],
    ['INTERNAL', 'Failed to decompress gzipped message'],
    ['UNIMPLEMENTED', 'grpc: Decompressor is not installed for grpc-encoding "gzip"'],
    ['UNIMPLEMENTED', "Can't find decompressor for zstd"],
    ['UNIMPLEMENTED', "Unsupported grpc-encoding value 'zstd'. Supported encodings: identity, gzip, deflate"],
    ['INTERNAL', 'zstd: magic number mismatch'],
    ['INVALID_ARGUMENT', 'Compression algorithm gzip is disabled'],
    ['UNKNOWN', 'incorrect header check: zlib'],
  ] as const)('%s "%s" means: not in this encoding', (code, details) => {
    expect(judgeGrpc(Code[code], details, null).kind).toBe('unreadable');
  });

  const tempo = '(local: 30000000 bytes/s, global: 0 bytes/s, burst: 30000000 bytes)';
  it('a Tempo that says the batch exceeds its burst means too large, whatever delay it asks for', () => {
    const details = `RATE_LIMITED: batch size (31000000 bytes) exceeds ingestion limit ${tempo} while adding 31000000 bytes for user single-tenant. consider reducing batch size or increasing rate limit.`;
    expect(judgeGrpc(Code.RESOURCE_EXHAUSTED, details, 5000).kind).toBe('too_large');
  });

  it('a Tempo that says its rate limit is exceeded means later', () => {
    const details = `RATE_LIMITED: ingestion rate limit ${tempo} exceeded while adding 3000 bytes for user single-tenant. consider increasing the limit or reducing ingestion rate.`;
    expect(judgeGrpc(Code.RESOURCE_EXHAUSTED, details, 5000)).toMatchObject({ kind: 'retryable', waitMs: 5000 });
    expect(judgeGrpc(Code.RESOURCE_EXHAUSTED, details, null).kind).toBe('rejected');
  });
});

describe('an HTTP status', () => {
  it.each([
    [302, 'rejected'],
    [400, 'refused'],
    [401, 'rejected'],
    [403, 'rejected'],
    [404, 'rejected'],
    [408, 'retryable'],
    [413, 'too_large'],
    [415, 'unreadable'],
    [429, 'retryable'],
    [422, 'refused'],
    [500, 'refused'],
    [501, 'rejected'],
    [502, 'retryable'],
    [503, 'retryable'],
    [504, 'retryable'],
  ])('%i is %s', (status, kind) => {
    expect(judgeHttp(status, 'because', 0)).toMatchObject({ kind, message: `HTTP ${status}: because` });
  });

  it('takes a complaint about the encoding for what it is', () => {
    expect(judgeHttp(400, 'gzip: invalid header', 0).kind).toBe('unreadable');
    expect(judgeHttp(500, 'unsupported Content-Encoding: gzip', 0).kind).toBe('unreadable');
    expect(judgeHttp(503, 'gzip worker busy', 0).kind).toBe('retryable');
  });

  it('takes a complaint about size for what it is', () => {
    expect(judgeHttp(400, 'http: request body too large', 0).kind).toBe('too_large');
    expect(judgeHttp(429, 'batch size (9 bytes) exceeds ingestion limit (local: 5 bytes/s)', 5000).kind).toBe(
      'too_large',
    );
    expect(judgeHttp(503, 'queue too large', 0).kind).toBe('retryable');
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-11-22T10:00:00Z');
  it.each([
    [undefined, 0],
    ['0', 0],
    ['5', 5000],
    [' 120 ', 120_000],
    ['Sun, 22 Nov 2026 10:00:30 GMT', 30_000],
    ['Sun, 22 Nov 2026 09:59:00 GMT', 0],
    ['soon', 0],
    ['', 0],
  ])('%j means %i ms', (value, waitMs) => {
    expect(parseRetryAfter(value, now)).toBe(waitMs);
  });
});
