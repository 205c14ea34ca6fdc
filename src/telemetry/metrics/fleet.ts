import type { ForwardStats } from '../../model/stats.ts';
import type { Metric, Row, Sample } from './metric.ts';

/** What goes to the other gateways of a fleet. */
export const fleetMetrics: readonly Metric[] = [
  {
    name: 'tailgate_fleet_members',
    type: 'gauge',
    labels: ['state'],
    help: 'Gateways in the list of members, by how this one sees them: self, reachable, leaving, unreachable.',
    advice: 'Alert where `unreachable` stays above 0, or where two gateways say different sums for minutes.',
    read: ({ gateway: { fleet } }) =>
      Object.entries(fleet?.members ?? {}).map(([state, value]) => ({ labels: { state }, value })),
  },
  {
    name: 'tailgate_fleet_owned_ratio',
    type: 'gauge',
    labels: [],
    help: 'The part of all traces that this gateway owns.',
    advice:
      'About 1 / members, and the sum over the fleet is 1; otherwise lists differ: compare `epoch` of /api/cluster.',
    read: ({ gateway: { fleet } }) => (fleet === undefined ? [] : [{ labels: {}, value: fleet.owned }]),
  },
  {
    name: 'tailgate_forwarded_spans_total',
    type: 'counter',
    labels: ['member'],
    help: 'Spans that another gateway, which owns their traces, said that it has.',
    advice:
      'With n gateways (n − 1) / n of what senders bring; the sum over the fleet is received_spans_total of `cluster`.',
    read: (sample) => rowsOf(sample, (it) => it.spans),
  },
  {
    name: 'tailgate_forward_failed_spans_total',
    type: 'counter',
    labels: ['member'],
    help: 'Spans that another gateway refused or that did not reach it, each time that was tried.',
    advice:
      'Rises for one member: it is full or away, see its own metrics. The spans are tried again, and then adopted.',
    read: (sample) => rowsOf(sample, (it) => it.failedSpans),
  },
  {
    name: 'tailgate_forward_at_risk_spans_total',
    type: 'counter',
    labels: ['member'],
    help: 'Spans given to a gateway that went without a word, within a wait before that: so many were lost with it at most.',
    advice:
      'Rises when a gateway is killed. The sum over those that remain is the most that the crash cost, beside what that gateway had from senders itself.',
    read: (sample) => rowsOf(sample, (it) => it.atRiskSpans),
  },
  {
    name: 'tailgate_adopted_spans_total',
    type: 'counter',
    labels: [],
    help: 'Spans that are judged here though another gateway owns their traces, since it did not take them in time.',
    advice:
      'Traces may be judged in parts. Rises: look at forward_failed_spans_total for the member, and at cluster.forward_timeout.',
    read: (sample) => numberOf(sample, (it) => it.adoptedSpans),
  },
  {
    name: 'tailgate_forward_uncertain_spans_total',
    type: 'counter',
    labels: [],
    help: 'Spans that were sent once more though a gateway may have had them: a connection broke under them.',
    advice: 'So many spans may be in a trace twice. Rises together with restarts and network faults.',
    read: (sample) => numberOf(sample, (it) => it.uncertainSpans),
  },
  {
    name: 'tailgate_forward_held_bytes',
    type: 'gauge',
    labels: [],
    help: 'Bytes of requests on their way to other gateways.',
    advice: 'Near cluster.max_forward_bytes senders are refused with `forward_full`.',
    read: (sample) => numberOf(sample, (it) => it.heldBytes),
  },
];

function rowsOf({ gateway: { forward } }: Sample, of: (member: ForwardStats['members'][string]) => number): Row[] {
  return Object.entries(forward?.members ?? {}).map(([member, counts]) => ({ labels: { member }, value: of(counts) }));
}

/** Alone, a gateway has none of these. */
const numberOf = ({ gateway: { forward } }: Sample, of: (stats: ForwardStats) => number): Row[] =>
  forward === undefined ? [] : [{ labels: {}, value: of(forward) }];
