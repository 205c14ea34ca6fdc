import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../tools/servers/ports.ts';

import { bootConfig, find, type Manifest, manifests, valuesOf } from '../support/chart.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { senderTo } from '../support/otlp-send.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';
import { tempoApi } from '../support/tempo-api.ts';

const container = (all: Manifest[]) => find(all, 'StatefulSet').spec.template.spec.containers[0];

describe('gateways of the chart', () => {
  it('find each other by the names that the headless Service gives their pods', () => {
    const all = manifests('--set', 'gateway.replicas=3,clusterDomain=k8s.example');
    const { name, listen, members } = bootConfig(all).cluster!;
    expect(members).toMatchObject({
      dns: { service: '_cluster._tcp.tailgate-headless.observability.svc.k8s.example' },
    });
    // The first label of such a name, and so the pod's.
    expect(name).toBe('tailgate-0');
    expect(container(all).env).toContainEqual({
      name: 'POD_NAME',
      valueFrom: { fieldRef: { fieldPath: 'metadata.name' } },
    });
    expect(listen.port).toBe(4319);
    expect(container(all).ports).toContainEqual({ name: 'cluster', containerPort: 4319 });
    const headless = find(all, 'Service', 'tailgate-headless').spec;
    expect(headless.clusterIP).toBe('None');
    expect(headless.ports[0]).toMatchObject({ name: 'cluster', port: 4319, targetPort: 'cluster' });
    expect(find(all, 'StatefulSet').spec.serviceName).toBe('tailgate-headless');
  });

  it('do not know how many there are: scaling starts no new pods', () => {
    const pod = (replicas: number) =>
      find(manifests('--set', `gateway.replicas=${replicas}`), 'StatefulSet').spec.template;
    expect(pod(1)).toEqual(pod(5));
  });

  it('show each other certificates and tokens where they are to', () => {
    const all = manifests(...valuesOf('secure'));
    const folder = '/etc/tailgate/tls/cluster';
    expect(bootConfig(all).cluster).toMatchObject({
      auth: { bearerTokenFile: '/etc/tailgate/auth/cluster/tokens' },
      tls: {
        server: { files: { client_ca_file: `${folder}/ca.crt`, cert_file: `${folder}/tls.crt` } },
        client: { files: { ca_file: `${folder}/ca.crt`, cert_file: `${folder}/tls.crt` } },
      },
    });
    const mounts = container(all).volumeMounts.map(({ mountPath }: Manifest) => mountPath);
    expect(mounts).toEqual(expect.arrayContaining([folder, '/etc/tailgate/auth/cluster']));
    const { dnsNames, usages } = find(all, 'Certificate', 'tailgate-tls').spec;
    expect(dnsNames).toContain('*.tailgate-headless.observability.svc.cluster.local');
    expect(usages).toContain('client auth');
  });

  it('ask the Consul that the rules are in, where members are there too', () => {
    const all = manifests('--set', 'cluster.members.consul.service=tailgate,consul.address=http://consul:8500');
    expect(container(all).env).toContainEqual({ name: 'CONSUL_HTTP_ADDR', value: 'http://consul:8500' });
    expect(bootConfig(all).cluster!.members).toHaveProperty('consul');
  });
});

describe('pods of the chart, each as a process on this machine', () => {
  /** The boot file of the chart, with places of this machine in the place of a pod's. */
  async function startPods(names: readonly string[]) {
    const folder = mkdtempSync(join(tmpdir(), 'tailgate-pods-'));
    const ports = await Promise.all(names.map(() => freePort()));
    const members = names.map((name, i) => `${name}=127.0.0.1:${ports[i]}`);
    const all = manifests(
      '--set-json',
      `cluster.members=${JSON.stringify({ static: members })}`,
      '--set',
      'agent.enabled=true,decisionWait=4s,rules=baseline_percent: 100',
    );
    const bootOf = (role: string) => find(all, 'ConfigMap', `${role}-boot`).data['gateway.yaml'];
    const rules = find(all, 'ConfigMap', 'tailgate-rules').data['rules.yaml'];
    const started: GatewayProcess[] = [];
    const start = async (name: string, boot: string) => {
      const here = boot
        .replaceAll('/etc/tailgate/rules', join(folder, name))
        .replaceAll('/data', join(folder, name, 'data'))
        .replaceAll(/0\.0\.0\.0:\d+/g, '127.0.0.1:0');
      writeFileSync(join(folder, name, 'gateway.yaml'), here);
      const args = ['--config', join(folder, name, 'gateway.yaml')];
      const pod = await startGatewayProcess({ args, env: { POD_NAME: name } });
      started.push(pod);
      return pod;
    };
    onTestFinished(async () => {
      await Promise.all(started.map((pod) => pod.kill()));
      rmSync(folder, { recursive: true, force: true });
    });
    const pods = await Promise.all(
      names.map((name, i) => {
        mkdirSync(join(folder, name));
        writeFileSync(join(folder, name, 'rules.yaml'), rules);
        return start(name, bootOf('tailgate').replaceAll('0.0.0.0:4319', `127.0.0.1:${ports[i]}`));
      }),
    );
    const startAgent = () => {
      mkdirSync(join(folder, 'agent'));
      return start('agent', bootOf('tailgate-agent'));
    };
    return { pods, startAgent };
  }

  it('are brought what an agent of the chart is sent, which has no rules', { timeout: 300_000 }, async () => {
    const { pods, startAgent } = await startPods(['tailgate-0', 'tailgate-1']);
    const agent = await startAgent();
    const traces = Array.from({ length: 24 }, (_, n) => `of the agent ${n}`);
    const sender = senderTo(agent);
    for (const name of ['span 0', 'span 1'])
      await eventually(() => sender.grpc(requestBytes(...traces.map((trace) => ({ trace, name })))));
    sender.close();
    const stores = pods.map(({ admin }) => tempoApi(`http://${admin}`));
    for (const trace of traces) {
      await eventually(async () => {
        const found = await Promise.all(stores.map((store) => store.spans(traceIdHex(trace))));
        const names = found.map((spans) => spans.map(({ span }) => span.name).sort());
        expect(names.filter(({ length }) => length > 0)).toContainEqual(['span 0', 'span 1']);
      });
    }
    expect(await agent.get('/metrics')).toMatch(/^tailgate_outcome_spans_total\{outcome="forwarded".*\} [1-9]/m);
    expect((await fetch(`http://${agent.admin}/readyz`)).status).toBe(200);
    expect(await agent.stop()).toBe(0);
  });

  it('have each trace whole in one of them, whichever its spans reached', { timeout: 300_000 }, async () => {
    const { pods } = await startPods(['tailgate-0', 'tailgate-1', 'tailgate-2']);
    await eventually(async () => {
      for (const pod of pods)
        expect([...pod.events('fleet_joined'), ...pod.events('fleet_changed')].at(-1)?.members).toHaveLength(3);
    }, 60_000);
    await sleep(3_000);
    const traces: string[] = [];
    const sendRound = async () => {
      const round = Array.from({ length: 24 }, (_, n) => `trace ${traces.length + n}`);
      traces.push(...round);
      for (const [i, pod] of pods.entries()) {
        const sender = senderTo(pod);
        // As a sender does that is told to try again.
        await eventually(() => sender.grpc(requestBytes(...round.map((trace) => ({ trace, name: `span ${i}` })))));
        sender.close();
      }
    };
    // Of a machine that is short of time some are dropped; one that is judged in two places is counted twice.
    const decided = /^tailgate_outcome_traces_total\{outcome="(?:kept|dropped)".*\} (\d+)$/gm;
    const decidedBy = async (pod: (typeof pods)[0]) =>
      [...(await pod.get('/metrics')).matchAll(decided)].reduce((sum, [, count]) => sum + Number(count), 0);
    const counts = () => Promise.all(pods.map(decidedBy));
    // Whoever was there first owns what begins before the others have been there for a wait.
    await eventually(async () => {
      await sendRound();
      expect((await counts()).filter((count) => count > 0)).toHaveLength(3);
    }, 60_000);
    await eventually(async () => expect((await counts()).reduce((a, b) => a + b)).toBe(traces.length));
    const stores = pods.map(({ admin }) => tempoApi(`http://${admin}`));
    for (const trace of traces) {
      await eventually(async () => {
        const found = await Promise.all(stores.map((store) => store.spans(traceIdHex(trace))));
        for (const spans of found.filter(({ length }) => length > 0))
          expect([...new Set(spans.map(({ span }) => span.name))].sort()).toEqual(['span 0', 'span 1', 'span 2']);
      });
    }
  });
});
