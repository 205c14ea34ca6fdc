import type { ConsulResponse } from './connection.ts';

/** X-Consul-Index of an answer; throws where there is none. */
export function indexOf({ statusCode, headers }: ConsulResponse): bigint {
  const index = headers['x-consul-index'];
  if (typeof index === 'string' && /^\d{1,20}$/.test(index)) return BigInt(index);
  throw new Error(`answered ${statusCode} without X-Consul-Index: is this Consul, or a proxy that drops the header?`);
}

export const isFiltered = ({ headers }: ConsulResponse) => headers['x-consul-results-filtered-by-acls'] === 'true';
