import { describe, expect, it } from 'vitest';
import { bootConfig, find, type Manifest, manifests, podVariables, valuesOf } from '../support/chart.ts';

describe('agents and gateways', () => {
  const all = () => manifests(...valuesOf('agents'));
  const agent = (of: Manifest[]) => bootConfig(of, podVariables, 'tailgate-agent');

  it('find the same gateways, by the names that the headless Service gives their pods', () => {
    const of = all();
    const service = '_cluster._tcp.tailgate-headless.observability.svc.cluster.local';
    for (const { cluster } of [agent(of), bootConfig(of)]) expect(cluster!.members).toMatchObject({ dns: { service } });
    const headless = find(of, 'Service', 'tailgate-headless').spec;
    expect(headless.clusterIP).toBe('None');
    expect(headless.ports[0]).toMatchObject({ name: 'cluster', port: 4319 });
    expect(find(of, 'StatefulSet').spec.serviceName).toBe('tailgate-headless');
    expect(find(of, 'StatefulSet').spec.template.spec.containers[0].ports).toContainEqual({
      name: 'cluster',
      containerPort: 4319,
    });
  });

  it('have each their Service: an agent is that of the sender’s own node', () => {
    const of = all();
    const selectorOf = (name: string) => find(of, 'Service', name).spec.selector['app.kubernetes.io/component'];
    expect(selectorOf('tailgate')).toBe('gateway');
    expect(selectorOf('tailgate-headless')).toBe('gateway');
    expect(selectorOf('tailgate-agent')).toBe('agent');
    expect(find(of, 'Service', 'tailgate-agent').spec.internalTrafficPolicy).toBe('Local');
    const { containers } = find(of, 'DaemonSet', 'tailgate-agent').spec.template.spec;
    expect(
      containers[0].ports.filter((port: Manifest) => port.hostPort).map((port: Manifest) => port.hostPort),
    ).toEqual([4317, 4318]);
  });

  it('gateways alone ask the API server and have rules; an agent adds its node, where its senders are on it', () => {
    const of = manifests(...valuesOf('agents'), '--set', 'enrich.kubernetes.enabled=true');
    const pod = (kind: string, name: string) => find(of, kind, name).spec.template.spec;
    expect(bootConfig(of).enrich).toMatchObject({ resource: { 'k8s.cluster.name': 'eu-1' }, kubernetes: { node: '' } });
    expect(agent(of).enrich.resource).toEqual({ 'k8s.node.name': '' });
    expect(agent(of).enrich.kubernetes).toBeUndefined();
    const byConnection = 'enrich.kubernetes.enabled=true,enrich.kubernetes.byConnection=true';
    const asking = manifests(...valuesOf('agents'), '--set', byConnection);
    expect(bootConfig(asking).enrich.kubernetes).toMatchObject({ node: '', byConnection: true });
    const onNode = bootConfig(asking, { ...podVariables, NODE_NAME: 'n1' }, 'tailgate-agent');
    expect(onNode.enrich.kubernetes).toMatchObject({ node: 'n1', byConnection: true });
    expect(find(asking, 'DaemonSet', 'tailgate-agent').spec.template.spec.automountServiceAccountToken).toBe(true);
    expect(pod('StatefulSet', 'tailgate').automountServiceAccountToken).toBe(true);
    expect(pod('DaemonSet', 'tailgate-agent').automountServiceAccountToken).toBe(false);
    const volumes = pod('DaemonSet', 'tailgate-agent').volumes.map(({ name }: Manifest) => name);
    expect(volumes).toEqual(['boot', 'data']);
    const alone = manifests(...valuesOf('agents-only'), '--set', 'enrich.kubernetes.enabled=true');
    expect(alone.filter(({ kind }) => /Role/.test(kind))).toEqual([]);
  });

  it('reach each other’s port, and nobody else does', () => {
    const of = all();
    const release = { 'app.kubernetes.io/name': 'tailgate', 'app.kubernetes.io/instance': 'tailgate' };
    const among = { from: [{ podSelector: { matchLabels: release } }], ports: [{ port: 'cluster' }] };
    expect(find(of, 'NetworkPolicy').spec.ingress).toContainEqual(among);
    expect(find(of, 'NetworkPolicy', 'tailgate-agent').spec.ingress).not.toContainEqual(among);
    const out = { to: [{ podSelector: { matchLabels: release } }], ports: [{ port: 4319 }] };
    expect(find(of, 'NetworkPolicy', 'tailgate-agent').spec.egress).toContainEqual(out);
    expect(find(of, 'NetworkPolicy').spec.egress).toContainEqual(out);
  });

  it('ask the Consul that the rules are in, where members are there too', () => {
    const args = [
      '--set',
      'agent.enabled=true,cluster.members.consul.service=tailgate,consul.address=http://consul:8500',
    ];
    const env = (kind: string, name: string) =>
      find(manifests(...args), kind, name).spec.template.spec.containers[0].env;
    for (const of of [env('DaemonSet', 'tailgate-agent'), env('StatefulSet', 'tailgate')])
      expect(of).toContainEqual({ name: 'CONSUL_HTTP_ADDR', value: 'http://consul:8500' });
  });
});
