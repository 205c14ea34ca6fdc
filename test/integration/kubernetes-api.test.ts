import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { apiAt } from '../../src/kubernetes/api.ts';
import { PodsWatch } from '../../src/kubernetes/pods-watch.ts';
import type { Pod } from '../../src/model/pod.ts';
import { type RunningKubernetes, startKubernetes } from '../../tools/servers/kubernetes.ts';
import { serverBinary } from '../../tools/servers/start.ts';
import { chart, namespace, render, run } from '../support/chart.ts';
import { eventually } from '../support/gateway.ts';

const scenarios = readdirSync(join(chart, 'ci'));

let cluster: RunningKubernetes;
let directory: string;
beforeAll(async () => {
  cluster = await startKubernetes();
  directory = mkdtempSync(join(tmpdir(), 'tailgate-cluster-'));
  writeFileSync(join(directory, 'kubeconfig'), kubeconfig(cluster));
  await must('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
}, 300_000);
afterAll(async () => {
  await cluster?.stop();
  if (directory) rmSync(directory, { recursive: true, force: true });
});

const kubeconfig = ({ url, token }: RunningKubernetes): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });

async function must(...[method, path, body]: Parameters<RunningKubernetes['ask']>) {
  const answer = await cluster.ask(method, path, body);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

const helm = (...args: string[]) => run(serverBinary('helm'), args, { KUBECONFIG: join(directory, 'kubeconfig') });

/** Where objects of a kind are made; those of operators are not known here. */
const folders: Readonly<Record<string, string>> = {
  ClusterRole: '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  ClusterRoleBinding: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  ConfigMap: `/api/v1/namespaces/${namespace}/configmaps`,
  DaemonSet: `/apis/apps/v1/namespaces/${namespace}/daemonsets`,
  HorizontalPodAutoscaler: `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers`,
  NetworkPolicy: `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`,
  Pod: `/api/v1/namespaces/${namespace}/pods`,
  PodDisruptionBudget: `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`,
  Service: `/api/v1/namespaces/${namespace}/services`,
  ServiceAccount: `/api/v1/namespaces/${namespace}/serviceaccounts`,
  StatefulSet: `/apis/apps/v1/namespaces/${namespace}/statefulsets`,
};
const ofOperators = ['Certificate', 'PodMonitor', 'PrometheusRule', 'ScaledObject', 'ServiceMonitor'];

describe("the chart on Kubernetes' own API server", () => {
  it.each(scenarios)('is taken as strictly as it can be with ci/%s', async (file) => {
    const rendered = render('--kube-version', '1.36.3', '-f', join(chart, 'ci', file));
    expect(rendered.ok, rendered.output).toBe(true);
    // biome-ignore lint/suspicious/noExplicitAny: Kubernetes objects of every kind
    const objects = parseAllDocuments(rendered.output).map((document) => (document as any).toJS());
    for (const object of objects.filter(({ kind }) => !ofOperators.includes(kind))) {
      const answer = await cluster.ask('POST', `${folders[object.kind]}?dryRun=All&fieldValidation=Strict`, object);
      expect([object.kind, answer.status, answer.status === 201 ? '' : answer.body.message]).toEqual([
        object.kind,
        201,
        '',
      ]);
    }
  });

  it('is installed and scaled, is refused a larger volume in place, and leaves nothing behind', async () => {
    const values = ['-n', namespace, '-f', join(chart, 'ci', 'replicas-values.yaml')];
    expect(helm('install', 'tailgate', chart, ...values)).toMatchObject({ ok: true });
    const stateful = () => must('GET', `${folders.StatefulSet}/tailgate`);
    const before = await stateful();
    expect(helm('upgrade', 'tailgate', chart, ...values, '--set', 'gateway.replicas=5')).toMatchObject({ ok: true });
    const after = await stateful();
    expect([before.spec.replicas, after.spec.replicas]).toEqual([3, 5]);
    expect(after.spec.template).toEqual(before.spec.template);
    // As the README says: what a StatefulSet cannot change in place.
    const volume = helm('upgrade', 'tailgate', chart, ...values, '--set', 'gateway.persistence.size=40Gi');
    expect(volume.output).toMatch(/updates to statefulset spec for fields other than/);
    expect(helm('uninstall', 'tailgate', '-n', namespace)).toMatchObject({ ok: true });
    for (const kind of [
      'ConfigMap',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'Service',
      'ServiceAccount',
      'StatefulSet',
    ]) {
      const { items } = await must('GET', `${folders[kind]}?labelSelector=app.kubernetes.io/name=tailgate`);
      expect([kind, items]).toEqual([kind, []]);
    }
  });
});

describe("enrich.kubernetes on Kubernetes' own API server", () => {
  it('with the rights that the chart gives it knows the pods of its node as they come, get addresses and go', async () => {
    const args = ['-n', namespace, '--set', 'enrich.kubernetes.enabled=true'];
    expect(helm('install', 'watcher', chart, ...args)).toMatchObject({ ok: true });
    onTestFinished(() => void helm('uninstall', 'watcher', '-n', namespace));
    const account = `/api/v1/namespaces/${namespace}/serviceaccounts/watcher-tailgate/token`;
    const { status } = await must('POST', account, { spec: { expirationSeconds: 3600 } });
    const tokenFile = join(directory, 'token');
    writeFileSync(tokenFile, status.token);
    expect((await cluster.ask('GET', `/api/v1/namespaces/${namespace}/secrets`, undefined, status.token)).status).toBe(
      403,
    );
    expect((await cluster.ask('DELETE', `${folders.Pod}/none`, undefined, status.token)).status).toBe(403);
    // The API server hears of roles by a watch of its own.
    await eventually(async () => {
      const path = '/api/v1/pods?limit=1&fieldSelector=spec.nodeName%3Dn1';
      expect((await cluster.ask('GET', path, undefined, status.token)).status).toBe(200);
    });

    await makePod('first', 'n1', '10.1.0.1');
    await makePod('elsewhere', 'n2', '10.1.0.2');
    const known = new Map<string, Pod>();
    const failures: string[] = [];
    const watch = new PodsWatch(
      { node: 'n1', labels: ['app'], annotations: [], maxPods: 100 },
      {
        ask: apiAt({ address: cluster.url, tokenFile, caFile: cluster.caFile }),
        sleep: (ms, signal) => sleep(ms, undefined, { signal }),
        monotonicMs: () => performance.now(),
        random: Math.random,
      },
      {
        publish: ({ put }) => {
          for (const pod of put) known.set(pod.attributes['k8s.pod.name']!, pod);
        },
        failed: (why) => failures.push(why),
        recovered: () => {},
        full: () => {},
      },
    );
    onTestFinished(() => watch.stop());
    void watch.run();
    await eventually(async () => expect(known.get('first')?.ips, failures.join()).toEqual(['10.1.0.1']));
    const second = await makePod('second', 'n1', '10.1.0.3');
    await eventually(async () => expect(known.get('second')?.ips).toEqual(['10.1.0.3']));
    expect(known.get('second')).toEqual({
      uid: second.metadata.uid,
      ips: ['10.1.0.3'],
      attributes: {
        'k8s.pod.name': 'second',
        'k8s.pod.uid': second.metadata.uid,
        'k8s.namespace.name': namespace,
        'k8s.node.name': 'n1',
        'k8s.pod.label.app': 'second',
      },
    });
    await must('DELETE', `${folders.Pod}/first?gracePeriodSeconds=0`);
    await eventually(async () => expect(watch.stats.pods).toBe(1));
    expect([...known.keys()].sort()).toEqual(['first', 'second']);
    expect(failures).toEqual([]);
  });

  /** As a kubelet would have it: the pod is on a node, runs, and has an address. */
  async function makePod(name: string, nodeName: string, podIP: string) {
    const containers = [{ name: 'c', image: 'none' }];
    const pod = await must('POST', folders.Pod!, {
      metadata: { name, labels: { app: name } },
      spec: { nodeName, containers },
    });
    const status = { phase: 'Running', podIP, podIPs: [{ ip: podIP }] };
    return must('PUT', `${folders.Pod}/${name}/status`, { ...pod, status });
  }
});
