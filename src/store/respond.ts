import type { TempoAnswer } from './messages.ts';

export const json = (value: unknown): TempoAnswer => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
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
