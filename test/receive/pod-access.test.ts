import { describe, expect, it } from 'vitest';
import { nameThePod } from '../../src/enrich/pod-name.ts';
import { Pods } from '../../src/enrich/pods.ts';
import { Refusal } from '../../src/errors.ts';
import type { Intake, Message } from '../../src/model/intake.ts';
import { type Access, headOf, openAccess } from '../../src/receive/access.ts';
import { messageOf } from '../../src/receive/message.ts';
import { PodAccess } from '../../src/receive/pod-access.ts';
import { Writer } from '../../src/wire/writer.ts';
import { decodeRequest } from '../support/otlp.ts';
import { requestBytes, spanBytes } from '../support/spans.ts';

const pods = new Pods();
pods.change({ put: [{ uid: 'u1', ips: ['10.0.0.1', 'fd00::1'], attributes: { 'k8s.pod.name': 'cart-0' } }], gone: [] });
const name = pods.nameOf('10.0.0.1') as Uint8Array;

const named = (bytes: Uint8Array) => {
  const pieces = nameThePod(bytes, bytes.length, name);
  return pieces && Buffer.concat(pieces);
};
const resourcesOf = (bytes: Uint8Array) =>
  (decodeRequest(bytes).resourceSpans ?? []).map(({ resource }) =>
    Object.fromEntries((resource?.attributes ?? []).map(({ key, value }) => [key, value?.stringValue])),
  );

describe('the resources of a request from a pod', () => {
  it('are of that pod, but for those that say so themselves; nothing else changes', () => {
    const bytes = requestBytes(
      { trace: 'a', service: 'x', resource: { long: 'y'.repeat(90) } },
      { trace: 'b', service: 'own', resource: { 'k8s.pod.uid': 'other' } },
      { trace: 'c', service: 'ip', resource: { 'k8s.pod.ip': '10.9.9.9' } },
      { trace: 'd', service: 'z' },
    );
    const after = named(bytes) as Buffer;
    expect(resourcesOf(after)).toEqual([
      { 'service.name': 'x', long: 'y'.repeat(90), 'k8s.pod.uid': 'u1' },
      { 'service.name': 'own', 'k8s.pod.uid': 'other' },
      { 'service.name': 'ip', 'k8s.pod.ip': '10.9.9.9' },
      { 'service.name': 'z', 'k8s.pod.uid': 'u1' },
    ]);
    const rest = (of: Uint8Array) => decodeRequest(of).resourceSpans?.map(({ scopeSpans }) => scopeSpans);
    expect(rest(after)).toEqual(rest(bytes));
  });

  it('are of it where there is none, and where lengths are written long; once where there are two', () => {
    const spans = new Writer();
    spans.bytes(2, spanBytes({ trace: 'a' }));
    const resourceSpans = (...before: number[]) =>
      Uint8Array.of(...before, 0x12, spans.finish().length, ...spans.finish());
    const request = (body: Uint8Array) => Uint8Array.of(0x0a, 0x80 | body.length, 0x80, 0x00, ...body);
    expect(resourcesOf(named(request(resourceSpans()))!)).toEqual([{ 'k8s.pod.uid': 'u1' }]);
    const attribute = [0x0a, 0x08, 0x0a, 0x01, 0x61, 0x12, 0x03, 0x0a, 0x01, 0x62];
    const [short, long] = [
      [0x0a, 0x0a, ...attribute],
      [0x0a, 0x8a, 0x00, ...attribute],
    ];
    expect(resourcesOf(named(request(resourceSpans(...long)))!)).toEqual([{ a: 'b', 'k8s.pod.uid': 'u1' }]);
    const twice = named(request(resourceSpans(...short, ...long))) as Buffer;
    expect(decodeRequest(twice).resourceSpans?.[0].resource?.attributes?.map(({ key }) => key)).toEqual([
      'a',
      'a',
      'k8s.pod.uid',
    ]);
  });

  it('stay as they are in what is no request', () => {
    expect(named(Uint8Array.of(0x0a, 0x05, 0x01))).toBe(undefined);
    expect(named(new Uint8Array(0))).toBe(undefined);
  });

  const emptyFields = (field: number, count: number) => {
    const out = new Writer();
    for (let i = 0; i < count; i++) out.bytes(field, new Uint8Array(0));
    return out.finish();
  };
  const within = (field: number, inner: Uint8Array) => {
    const out = new Writer();
    out.bytes(field, inner);
    return out.finish();
  };

  it.each([
    ['ResourceSpans', (count: number) => emptyFields(1, count)],
    ['unknown fields', (count: number) => Buffer.concat([emptyFields(1, 1), emptyFields(100, count)])],
    ['scopes', (count: number) => within(1, emptyFields(2, count))],
    ['resources of one', (count: number) => within(1, emptyFields(1, count))],
    ['bytes of resources', (count: number) => within(1, within(1, emptyFields(1, 20 * count)))],
  ])('stay as they are in a request of more %s than anybody sends, each of which costs a look', (_, request) => {
    expect(named(request(10_001))).toBe(undefined);
    expect(named(request(2_000))).toBeDefined();
  });
});

describe('who is asked which pod it is', () => {
  const came: Uint8Array[] = [];
  const intake = {
    refuses: () => undefined,
    accept: (message: Message) => {
      const bytes = new Uint8Array(message.length);
      message.copyTo(bytes, 0);
      came.push(bytes);
      return { spans: 1, rejectedSpans: 0, message: '' };
    },
  } as unknown as Intake;
  const from = (address: string, next: Access = openAccess(intake), headers = {}) =>
    new PodAccess(next, (it) => pods.nameOf(it)).admit(headOf({ address }), headers);
  const body = requestBytes({ trace: 'a' });

  it.each(['10.0.0.1', '::ffff:10.0.0.1', 'fd00::1'])('is the connection from %s', (address) => {
    (from(address) as Intake).accept(messageOf([body.subarray(0, 10), body.subarray(10)]), 'grpc');
    expect(resourcesOf(came.pop()!)).toEqual([{ 'service.name': 'shop', 'k8s.pod.uid': 'u1' }]);
  });

  it('is no header, and nobody who may not come in', () => {
    expect(from('10.0.0.9', openAccess(intake), { 'x-forwarded-for': '10.0.0.1', forwarded: 'for=10.0.0.1' })).toBe(
      intake,
    );
    const refusal = new Refusal('tenant_unknown', 'no');
    expect(from('10.0.0.1', { ...openAccess(intake), admit: () => refusal })).toBe(refusal);
  });
});
