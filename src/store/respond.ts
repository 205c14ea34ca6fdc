import type { TempoAnswer } from './messages.ts';

export const json = (value: unknown): TempoAnswer => jsonText(JSON.stringify(value));

export const jsonText = (body: string): TempoAnswer => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body,
});

export const protobuf = (body: Uint8Array): TempoAnswer => ({
  status: 200,
  headers: { 'content-type': 'application/protobuf' },
  body,
});

export const plain = (status: number, body: string): TempoAnswer => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body,
});
