import type { Metric } from './metric.ts';

/** Files that are read while the gateway runs: certificates, tokens, passwords. */
export const filesMetrics: readonly Metric[] = [
  {
    name: 'tailgate_files_failing_seconds',
    type: 'gauge',
    labels: ['files'],
    help: 'For how long what is on disk has not counted, because it cannot be read or does not fit; 0 when it does.',
    advice:
      'Above a few minutes: the log line `files` says why. What was read before stays in force, until it expires.',
    read: ({ gateway: { files = [] } }) =>
      files.map(({ files, failingSeconds }) => ({ labels: { files }, value: failingSeconds })),
  },
  {
    name: 'tailgate_files_loads_total',
    type: 'counter',
    labels: ['files', 'result'],
    help: 'Times that files were read that had changed, by whether they were accepted or refused.',
    advice: 'No `accepted` after you exchanged a certificate: look at tailgate_files_failing_seconds.',
    read: ({ gateway: { files = [] } }) =>
      files.flatMap(({ files, loads }) => [
        { labels: { files, result: 'accepted' }, value: loads.accepted },
        { labels: { files, result: 'refused' }, value: loads.refused },
      ]),
  },
  {
    name: 'tailgate_certificate_expiry_timestamp_seconds',
    type: 'gauge',
    labels: ['files'],
    help: 'When the certificate in force expires, as Unix time.',
    advice: 'Less than a week ahead: whoever renews it does not.',
    read: ({ gateway: { files = [] } }) =>
      files.flatMap(({ files, expiresAt }) =>
        expiresAt === undefined ? [] : [{ labels: { files }, value: expiresAt / 1000 }],
      ),
  },
];
