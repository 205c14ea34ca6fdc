import { describe, expect, it } from 'vitest';
import { Pods } from '../../src/enrich/pods.ts';
import type { Pod } from '../../src/model/pod.ts';
import { Writer } from '../../src/wire/writer.ts';
import { enricher, plain, ResourceSpansType, ResourceType, text } from './messages.ts';

const cart: Pod = { uid: 'u1', ips: ['10.0.0.1'], attributes: { 'k8s.pod.name': 'cart-0', 'k8s.node.name': 'n1' } };

function resourceBy(pods: Pods, attributes: Record<string, string>, more: object = {}): Record<string, unknown> {
  const message = { attributes: Object.entries(attributes).map(([key, value]) => text(key, value)) };
  const bytes = ResourceType.encode(ResourceType.fromObject(message)).finish();
  const out = new Writer(8);
  enricher({ pods, ...more }).resource(out, bytes, 0, bytes.length);
  const { resource } = ResourceSpansType.toObject(ResourceSpansType.decode(out.finish())) as never as {
    resource: { attributes: never[] };
  };
  return plain(resource.attributes);
}

function known(...all: Pod[]): Pods {
  const pods = new Pods();
  pods.change({ put: all, gone: [] });
  return pods;
}

describe('a resource that names its pod', () => {
  it.each([
    ['by uid', { 'k8s.pod.uid': 'u1' }],
    ['by address', { 'k8s.pod.ip': '10.0.0.1' }],
    ['by both', { 'k8s.pod.uid': 'u1', 'k8s.pod.ip': '10.9.9.9' }],
  ])('%s gets its attributes', (_, named) => {
    expect(resourceBy(known(cart), { ...named, a: 'b' })).toEqual({ ...named, a: 'b', ...cart.attributes });
  });

  it.each([
    ['of a pod that is not known', { 'k8s.pod.uid': 'u2' }],
    ['of nobody', { a: 'b' }],
  ])('%s stays as it is', (_, named) => {
    expect(resourceBy(known(cart), named)).toEqual(named);
  });

  it('keeps what it says itself, and what the operator sets', () => {
    const left = resourceBy(
      known(cart),
      { 'k8s.pod.uid': 'u1', 'k8s.pod.name': 'own' },
      { resource: { 'k8s.node.name': 'by-operator' } },
    );
    expect(left).toEqual({ 'k8s.pod.uid': 'u1', 'k8s.pod.name': 'own', 'k8s.node.name': 'by-operator' });
  });

  it('is redacted as all others are', () => {
    const pods = known({ ...cart, attributes: { ...cart.attributes, 'k8s.pod.annotation.api_key': 'k' } });
    expect(resourceBy(pods, { 'k8s.pod.uid': 'u1' })['k8s.pod.annotation.api_key']).toBe('****');
  });

  it('is the pod that it names first', () => {
    const named = (uid: string) => {
      const message = { attributes: [{ key: 'k8s.pod.uid', value: { stringValue: uid } }] };
      return ResourceType.encode(ResourceType.fromObject(message)).finish();
    };
    const twice = Buffer.concat([named('u1'), named('nobody')]);
    expect(known(cart).attributesFor(twice, 0, twice.length)).toHaveLength(2);
    expect(known(cart).attributesFor(Buffer.concat([named('nobody'), named('u1')]), 0, twice.length)).toEqual([]);
  });

  it('reads a value that stands before its key', () => {
    const bytes = Uint8Array.from([10, 19, 18, 4, 10, 2, 117, 49, 10, 11, ...Buffer.from('k8s.pod.uid')]);
    expect(
      plain((ResourceType.toObject(ResourceType.decode(bytes)) as never as { attributes: never[] }).attributes),
    ).toEqual({ 'k8s.pod.uid': 'u1' });
    expect(known(cart).attributesFor(bytes, 0, bytes.length)).toHaveLength(2);
  });
});

describe('an address', () => {
  it('is the pod that got it last, also when the one before is forgotten later', () => {
    const pods = known(cart);
    pods.change({ put: [{ ...cart, uid: 'u2', attributes: { 'k8s.pod.name': 'next' } }], gone: [] });
    pods.change({ put: [], gone: ['u1'] });
    expect(resourceBy(pods, { 'k8s.pod.ip': '10.0.0.1' })).toMatchObject({ 'k8s.pod.name': 'next' });
    expect(Buffer.from(pods.nameOf('10.0.0.1')!).toString()).toContain('u2');
    expect(pods.nameOf('::ffff:10.0.0.1')).toBe(pods.nameOf('10.0.0.1'));
    expect(pods.nameOf('10.0.0.2')).toBe(undefined);
  });

  it('that a pod has no more is nobody', () => {
    const pods = known(cart);
    pods.change({ put: [{ ...cart, ips: ['10.0.0.5'] }], gone: [] });
    expect(resourceBy(pods, { 'k8s.pod.ip': '10.0.0.1' })).toEqual({ 'k8s.pod.ip': '10.0.0.1' });
    pods.change({ put: [], gone: ['u1', 'never'] });
    expect(pods.size).toBe(0);
  });
});

it('a configured attribute whose value is empty, as that of a variable that is not set, adds nothing', () => {
  const options = { resource: { zone: '', 'k8s.node.name': 'n1' }, set: { region: '' } };
  expect(resourceBy(new Pods(), { region: 'own' }, options)).toEqual({ region: 'own', 'k8s.node.name': 'n1' });
});
