import { describe, expect, it } from 'vitest';
import { podOf } from '../../src/kubernetes/pod.ts';
import { pod } from '../support/scripted-api.ts';

const nothing = { labels: [] as string[], annotations: [] as string[] };
const attributesOf = (metadata: object, wanted = nothing) =>
  podOf(pod('u', '10.0.0.1', { metadata }), wanted)?.attributes;
const owned = (kind: string, name: string) => ({
  ownerReferences: [
    { kind: 'Node', name: 'x' },
    { kind, name, controller: true },
  ],
});

describe('a pod of the API', () => {
  it('is told by name, uid, namespace, node and start', () => {
    expect(podOf(pod('u', '10.0.0.1', { status: { startTime: '2026-11-29T10:00:00Z' } }), nothing)).toEqual({
      uid: 'u',
      ips: ['10.0.0.1'],
      attributes: {
        'k8s.pod.name': 'u-name',
        'k8s.pod.uid': 'u',
        'k8s.namespace.name': 'shop',
        'k8s.node.name': 'n1',
        'k8s.pod.start_time': '2026-11-29T10:00:00Z',
      },
    });
  });

  it.each<[string, object, Record<string, string>]>([
    [
      'a Deployment',
      { ...owned('ReplicaSet', 'cart-7d9f'), labels: { 'pod-template-hash': '7d9f' } },
      { 'k8s.replicaset.name': 'cart-7d9f', 'k8s.deployment.name': 'cart' },
    ],
    ['a ReplicaSet alone', owned('ReplicaSet', 'cart'), { 'k8s.replicaset.name': 'cart' }],
    ['a StatefulSet', owned('StatefulSet', 'db'), { 'k8s.statefulset.name': 'db' }],
    ['a DaemonSet', owned('DaemonSet', 'logs'), { 'k8s.daemonset.name': 'logs' }],
    ['a CronJob', owned('Job', 'r-29412000'), { 'k8s.job.name': 'r-29412000', 'k8s.cronjob.name': 'r' }],
    ['a Job', owned('Job', 'migrate-2'), { 'k8s.job.name': 'migrate-2' }],
    ['something else', owned('Rollout', 'x'), {}],
  ])('of %s names it', (_, metadata, attributes) => {
    const named = Object.entries(attributesOf(metadata)!).filter(([key]) => /deployment|set|job/.test(key));
    expect(Object.fromEntries(named)).toEqual(attributes);
  });

  it('has the labels and annotations that were asked for, cut to their length, and no others', () => {
    const metadata = { labels: { app: 'cart', tier: 'web' }, annotations: { team: 'x'.repeat(5000) } };
    expect(attributesOf(metadata, { labels: ['app', 'missing'], annotations: ['team'] })).toMatchObject({
      'k8s.pod.label.app': 'cart',
      'k8s.pod.annotation.team': 'x'.repeat(1024),
    });
    expect(Object.keys(attributesOf(metadata)!).filter((key) => /label|annotation/.test(key))).toEqual([]);
  });

  it.each([
    ['on the network of its node', { spec: { hostNetwork: true } }],
    ['that has ended', { status: { phase: 'Succeeded' } }],
    ['that has failed', { status: { phase: 'Failed' } }],
    ['without an address yet', { status: { podIP: undefined, podIPs: undefined } }],
  ])('%s has no address of its own', (_, more) => {
    expect(podOf(pod('u', '10.0.0.1', more), nothing)?.ips).toEqual([]);
  });

  it('has addresses of both families', () => {
    const status = { podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] };
    expect(podOf(pod('u', '10.0.0.1', { status }), nothing)?.ips).toEqual(['10.0.0.1', 'fd00::1']);
  });

  it.each([
    [undefined],
    [null],
    ['x'],
    [{}],
    [{ metadata: null }],
    [{ metadata: { uid: 1 } }],
    [{ metadata: { uid: '' } }],
  ])('%j is none', (object) => {
    expect(podOf(object, nothing)).toBeUndefined();
  });

  it('of nonsense has what can be read of it', () => {
    const metadata = { uid: 'u', name: 5, ownerReferences: 'x', labels: 7 };
    const object = { metadata, spec: null, status: { podIPs: 'x', podIP: 9 } };
    expect(podOf(object, { labels: ['a'], annotations: ['b'] })).toEqual({
      uid: 'u',
      ips: [],
      attributes: { 'k8s.pod.uid': 'u' },
    });
  });
});
