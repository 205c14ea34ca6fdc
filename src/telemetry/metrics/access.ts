import type { Metric } from './metric.ts';

/** Who comes in with which credentials, and who does not. */
export const accessMetrics: readonly Metric[] = [
  {
    name: 'tailgate_let_in_requests_total',
    type: 'counter',
    labels: ['port', 'name'],
    help: 'Requests that came with credentials that are known, by port and by the name of the token or user.',
    advice: 'A token that you want to retire: nobody uses it any more when this stands still for it.',
    read: ({ gateway }) =>
      Object.entries(gateway.letIn).flatMap(([port, byName]) =>
        Object.entries(byName).map(([name, { requests }]) => ({ labels: { port, name }, value: requests })),
      ),
  },
  {
    name: 'tailgate_admin_refused_requests_total',
    type: 'counter',
    labels: ['reason'],
    help: 'Requests of the admin port that were not answered, by reason.',
    advice:
      '`unauthenticated` rises: somebody guesses, or still has a token that was retired. `permission_denied`: a token that is too narrow. `cross_site`: a page of another site tried to change something.',
    read: ({ gateway }) =>
      Object.entries(gateway.adminRefused).map(([reason, value]) => ({ labels: { reason }, value })),
  },
];
