import type { Metric } from './metric.ts';

/** Which rules are in force, since when, and whether their source still speaks. */
export const rulesMetrics: readonly Metric[] = [
  {
    name: 'tailgate_rules_info',
    type: 'gauge',
    labels: ['source', 'revision', 'hash'],
    help: 'Always 1; its labels name the rules in force.',
    advice: 'Gateways of one environment with different hashes for ten minutes: one of them does not hear its source.',
    read: ({ gateway: { rules } }) => [
      { labels: { source: rules.source, revision: rules.revision, hash: rules.hash }, value: 1 },
    ],
  },
  {
    name: 'tailgate_rules_last_load_success',
    type: 'gauge',
    labels: [],
    help: '1 when the newest version of the rules was accepted, 0 when it was refused.',
    advice: '0: the last good rules stay in force; lastRefusal in /api/status names the line to repair.',
    read: ({ gateway: { rules } }) => Number(rules.lastLoadSucceeded),
  },
  {
    name: 'tailgate_rules_last_load_timestamp_seconds',
    type: 'gauge',
    labels: [],
    help: 'When the rules in force were loaded, as Unix time.',
    advice: 'A change you made must move it within a second.',
    read: ({ gateway: { rules } }) => rules.loadedAt / 1e3,
  },
  {
    name: 'tailgate_rules_loads_total',
    type: 'counter',
    labels: ['result'],
    help: 'Versions of the rules that were read, by whether they were accepted or refused.',
    advice: 'A steady rate means two writers fight over the source.',
    read: ({ gateway: { rules } }) => [
      { labels: { result: 'accepted' }, value: rules.loads.accepted },
      { labels: { result: 'refused' }, value: rules.loads.refused },
    ],
  },
  {
    name: 'tailgate_rules_source_age_seconds',
    type: 'gauge',
    labels: [],
    help: 'Time since the source of the rules last answered, or since the start when it never has.',
    advice: 'Grows without end: Consul is away. Traffic is not affected, changes are not heard.',
    read: ({ gateway: { rules } }) => rules.sourceAgeSeconds,
  },
  {
    name: 'tailgate_rules_source_failures_total',
    type: 'counter',
    labels: [],
    help: 'Times that the source of the rules could not be reached or read.',
    advice:
      'A few with each restart of Consul; a steady rate with a growing source age needs a look at Consul or its token.',
    read: ({ gateway: { rules } }) => rules.sourceFailures ?? 0,
  },
  {
    name: 'tailgate_debug_enabled',
    type: 'gauge',
    labels: [],
    help: '1 while debug keeps every trace.',
    advice: 'Meant for minutes: at 1 the destination gets all the traffic.',
    read: ({ gateway: { rules } }) => Number(rules.debug),
  },
];
