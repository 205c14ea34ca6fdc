import type { ClusterConfig, MembersConfig } from '../cluster/options.ts';
import type { Problem } from '../model/rules.ts';
import { clientAt } from './consul-at.ts';
import type { BootConfig, BootDocument } from './schema.ts';
import type { Variables } from './variables.ts';

/** The fleet as the boot file has it, this gateway's name filled in; undefined where it is alone. */
export function fleetIn({ cluster }: BootDocument, env: Variables, hostName = ''): ClusterConfig | undefined {
  if (cluster === undefined) return undefined;
  const { consul, ...others } = cluster.members;
  const client = consul && clientAt(consul, env);
  const members = consul && typeof client === 'object' ? { consul: { service: consul.service, client } } : others;
  return { ...cluster, name: cluster.name || hostName, members: members as MembersConfig };
}

/** What a gateway does with traces: an agent brings them to their owners, one in front of Kafka writes them to a topic. */
export function doesWith({ mode, kafka }: Pick<BootConfig, 'mode' | 'kafka'>): 'decides' | 'brings' | 'writes' {
  if (mode === 'agent') return 'brings';
  return kafka?.role === 'produce' ? 'writes' : 'decides';
}

/** What is wrong with it, taken together with the rest of the boot file; without `hostName` a name may be left open. */
export function fleetProblems(document: BootDocument, env: Variables, hostName?: string): Problem[] {
  const { mode, cluster, kafka, export: exporters } = document;
  const wrong: Problem[] = [];
  if (mode === 'gateway' && kafka?.role !== 'produce' && exporters === undefined)
    wrong.push({ path: ['export'], message: 'missing: expected a list' });
  if (mode === 'agent' && cluster === undefined)
    wrong.push({
      path: ['mode'],
      message: 'agent without a cluster block: expected cluster.members, to whom it sends',
    });
  if (mode === 'agent' && exporters !== undefined && exporters.length > 0)
    wrong.push({
      path: ['export'],
      message:
        'an agent keeps nothing that could go there: expected none; where kept traces go is said by the gateways',
    });
  if (mode === 'gateway' && cluster?.tls && cluster.tls.server.files.cert_file === undefined)
    wrong.push({
      path: ['cluster', 'tls', 'cert_file'],
      message: 'missing: expected a file name, as others connect to a gateway',
    });
  const consul = cluster?.members.consul && clientAt(cluster.members.consul, env);
  if (typeof consul === 'string') wrong.push({ path: ['cluster', 'members', 'consul', 'address'], message: consul });
  return [...wrong, ...staticProblems(document, hostName)];
}

function staticProblems(document: BootDocument, hostName: string | undefined): Problem[] {
  const listed = document.cluster?.members.static ?? [];
  const problems = listed.flatMap(({ name }, i): Problem[] => {
    const isTaken = listed.findIndex((other) => other.name === name) < i;
    const message = `"${name}" stands here twice: expected each gateway once, by a name of its own`;
    return isTaken ? [{ path: ['cluster', 'members', 'static', i], message }] : [];
  });
  const self = document.cluster?.name || hostName || '';
  // Of those without a name it is the address that tells which one this is, when it listens.
  const isNamed = listed.length > 0 && listed.every(({ name, address }) => name !== address);
  if (document.mode === 'agent' || self === '' || !isNamed || listed.some(({ name }) => name === self)) return problems;
  const message = `no gateway "${self}" in it, which is this one's name (cluster.name, else the host name): expected it among ${listed.map(({ name }) => name).join(', ')}`;
  return [...problems, { path: ['cluster', 'members', 'static'], message }];
}
