import { mergeLayers, parseRules } from '../../../config/rules.ts';
import type { RulesEdit } from '../../../config/rules-edit.ts';
import type { RulesDocument } from '../../../model/rules.ts';
import type { Simulation } from '../../../simulate/simulation.ts';
import { keepsAll, not, type Policy, unremarkable } from './spared.ts';

/** A change of rules that may be worth it, and why. */
interface Proposal {
  readonly why: string;
  readonly edit: RulesEdit;
}

/** Errors and slow spans are waited for, though minutes may pass without one. */
const knobs: Readonly<Record<string, string>> = { routes: 'routes' };
/** What probes and scrapers ask for. */
const noiseRoutes = ['/health', '/healthz', '/livez', '/live', '/readyz', '/ready', '/ping', '/metrics'];
/** As what they introduce themselves: of Kubernetes, load balancers, Prometheus, services that look whether a site is there. */
const noiseAgents =
  '(?i)^(kube-probe|kube-.*healthcheck|ELB-HealthChecker|GoogleHC|GoogleStackdriverMonitoring|Prometheus|Blackbox.Exporter|Consul Health Check|Envoy/HC|HAProxy|Pingdom|UptimeRobot|Better Uptime|StatusCake|Datadog/Synthetics)';
const agentKeys = ['user_agent.original', 'http.user_agent'];
/** A longer trace does something, though a probe is in it. */
const mostSpans = 3;
/** A service that takes so much of what is kept takes much. */
export const muchOfAll = 0.25;
/** Of those that take much, so many are looked at. */
const mostCapped = 2;

const drop = (name: string, ...inside: Policy[]): Policy => ({ name, type: 'drop', drop: { drop_sub_policy: inside } });

/** The fields of rules that were found good, with those that are left out. */
const fieldsOf = (text: string): Partial<RulesDocument> => {
  const parsed = parseRules(text, 'rules');
  return 'layer' in parsed ? mergeLayers([parsed.layer]).document : {};
};

/** Where a policy keeps all there is, that a proposed drop goes before it. */
function beforeAll(fields: Partial<RulesDocument>): string {
  const names = keepsAll(fields);
  return names.length === 0 ? '' : `, which ${names.join(', ')} would keep`;
}

/** Policies that have no say in what is kept: no trace meets them, or others keep all that they keep. */
export function withoutEffect(text: string, { candidate: { policies } }: Simulation): Proposal[] {
  const listed = fieldsOf(text).policies ?? [];
  return policies.flatMap(({ policy, votes, alone, overrules }): Proposal[] => {
    if (alone.traces > 0 || overrules > 0) return [];
    // What all vote for that are there is kept by nobody alone.
    if (votes > 0 && !policies.some((other) => other.policy !== policy && other.votes > 0)) return [];
    const why = votes === 0 ? `${policy} is met by no trace` : `${policy} keeps only what others keep already`;
    if (listed.some(({ name }) => name === policy)) return [{ why, edit: { removePolicy: policy } }];
    return policy in knobs ? [{ why, edit: { path: [knobs[policy]!], value: null } }] : [];
  });
}

/** Drops for probes and scrapers, by what they ask for and by what they call themselves. */
export function noise(text: string): Proposal[] {
  const fields = fieldsOf(text);
  const short = { name: 'short', type: 'span_count', span_count: { min_spans: 1, max_spans: mostSpans } };
  const spared = [short, ...unremarkable(fields)];
  const routes = { name: 'routes', type: 'route', route: { routes: noiseRoutes } };
  const span = agentKeys.map((key) => `IsMatch(attributes["${key}"], "${noiseAgents}")`);
  const agents = { name: 'agents', type: 'ottl_condition', ottl_condition: { error_mode: 'ignore', span } };
  const proposals = [
    { why: 'short traces of health checks and scrapes are noise', policy: drop('drop-probes', routes, ...spared) },
    {
      why: 'short traces of probes, by their user agent, are noise',
      policy: drop('drop-probe-agents', agents, ...spared),
    },
  ];
  const taken = (fields.policies ?? []).map(({ name }) => name);
  return proposals
    .filter(({ policy }) => !taken.includes(String(policy.name)))
    .map(({ why, policy }) => ({ why: why + beforeAll(fields), edit: { addPolicy: policy } }));
}

/** A service that takes much of what is kept, and what would leave `percent` of its unremarkable traces. */
export interface Cap {
  readonly service: string;
  readonly share: number;
  readonly mostBytes: number;
  /** What is to be said of it beside that. */
  readonly beside: string;
  edit(percent: number): RulesEdit;
}

/** Services that take more than their share, where there are enough of them for that to say anything. */
export function caps(text: string, { services, candidate }: Simulation): Cap[] {
  const fields = fieldsOf(text);
  const taken = (fields.policies ?? []).map(({ name }) => name);
  if (services.length * muchOfAll < 1) return [];
  return services
    .filter((each) => each.candidate.bytes > muchOfAll * candidate.keptBytes && !each.service.startsWith('('))
    .filter(({ service }) => !taken.includes(`cap-${service}`))
    .slice(0, mostCapped)
    .map(({ service, candidate: { bytes } }) => {
      const of = {
        name: 'service',
        type: 'string_attribute',
        string_attribute: { key: 'service.name', values: [service] },
      };
      const some = (percent: number): Policy => ({
        name: 'some',
        type: 'probabilistic',
        probabilistic: { sampling_percentage: percent },
      });
      const policy = (percent: number): Policy =>
        drop(`cap-${service}`, of, ...unremarkable(fields), not('beyond', some(percent)));
      return {
        service,
        share: bytes / candidate.keptBytes,
        mostBytes: muchOfAll * candidate.keptBytes,
        beside: beforeAll(fields),
        edit: (percent) => ({ addPolicy: policy(percent) }),
      };
    });
}
