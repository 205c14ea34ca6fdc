import { type RefusalReason, refusals } from '../../errors.ts';
import type { GatewayStats } from '../../model/stats.ts';
import { byTenant, type Metric, type Row, rowsBy } from './metric.ts';

/** What comes in, and what is not taken. */
export const intakeMetrics: readonly Metric[] = [
  {
    name: 'tailgate_received_spans_total',
    type: 'counter',
    labels: ['protocol'],
    help: 'Spans that were taken, by protocol; those that are not valid OTLP are among them.',
    advice: 'The load. Falls to 0 while services run: look at their exporters and at refused_requests_total.',
    ...byTenant(({ received }) => rowsBy('protocol', received, (it) => it.spans)),
  },
  {
    name: 'tailgate_received_bytes_total',
    type: 'counter',
    labels: ['protocol'],
    help: 'Bytes of the requests that were taken, as protobuf and uncompressed.',
    advice: 'Over received_spans_total it is the size of a span; times the wait it is what the buffer must hold.',
    ...byTenant(({ received }) => rowsBy('protocol', received, (it) => it.bytes)),
  },
  {
    name: 'tailgate_received_requests_total',
    type: 'counter',
    labels: ['protocol'],
    help: 'Export requests that were taken.',
    advice: 'Spans per request below about 50 cost CPU: let the services batch more.',
    ...byTenant(({ received }) => rowsBy('protocol', received, (it) => it.requests)),
  },
  {
    name: 'tailgate_refused_requests_total',
    type: 'counter',
    labels: ['reason'],
    help: 'Requests that were not taken; the sender was told so.',
    advice:
      'Which sender: `refused` in [the log](operations.md#what-senders-are-refused). `buffer_full`, `inflight_full`: more memory, more replicas or a shorter wait. `connection_full`: one client sends too much at once, [limits](operations.md#limits). `timeout`: one that is too slow. `too_large`: smaller batches at the sender. `malformed`: a broken sender. `overloaded`: docs/overload.md. `calls_full`: somebody watches our health too often. `draining`: a restart, harmless. `unauthenticated`, `permission_denied`: [who may come in](access.md). `http_on_grpc`, `grpc_on_http`: a sender has the other protocol’s port. `tls_…`, `plain_on_tls`, `client_certificate`: [connections](configuration.md#tls) that came to nothing. `tenant_…`: docs/tenants.md. `owner_refused`, `owner_rejected`, `forward_full`: [several gateways](fleet.md).',
    read: (sample) => refusedRows(sample.gateway, 'requests'),
  },
  {
    name: 'tailgate_refused_bytes_total',
    type: 'counter',
    labels: ['reason'],
    help: 'Bytes of the refused requests, as far as they were known.',
    advice: 'How much the senders must keep and send again, or lose.',
    read: (sample) => refusedRows(sample.gateway, 'bytes'),
  },
  {
    name: 'tailgate_inflight_bytes',
    type: 'gauge',
    labels: [],
    help: 'Memory that requests hold which are being read right now.',
    advice: 'Near receive.max_inflight_bytes, senders are refused with `inflight_full`.',
    read: ({ gateway }) => gateway.inflightBytes,
  },
  {
    name: 'tailgate_open_connections',
    type: 'gauge',
    labels: ['protocol'],
    help: 'Connections of senders that are open.',
    advice: 'Near receive.max_connections idle ones are sent away, and where none is idle, new ones are refused.',
    read: ({ gateway }) => rowsBy('protocol', gateway.connections, (it) => it.open),
  },
  {
    name: 'tailgate_connections_full_total',
    type: 'counter',
    labels: ['protocol', 'what'],
    help: 'Connections that were sent away while idle, or refused, because there were receive.max_connections.',
    advice: '`refused` rises: somebody opens very many; who, says the network. Raise the limit where they are yours.',
    read: ({ gateway }) =>
      Object.entries(gateway.connections).flatMap(([protocol, { sentAway, refused }]) => [
        { labels: { protocol, what: 'sent_away' }, value: sentAway },
        { labels: { protocol, what: 'refused' }, value: refused },
      ]),
  },
];

/** Every known reason has a row from the start, so that the first refusal shows as an increase. */
function refusedRows({ refused }: GatewayStats, unit: 'requests' | 'bytes'): Row[] {
  const reasons = new Set([...(Object.keys(refusals) as RefusalReason[]), ...Object.keys(refused)]);
  return [...reasons].map((reason) => ({ labels: { reason }, value: refused[reason]?.[unit] ?? 0 }));
}
