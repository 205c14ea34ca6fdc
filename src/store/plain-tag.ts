import type { Field } from '../traceql/ast.ts';

const ofSpans = ['http.method', 'http.url', 'http.status_code'];
const ofResources = new Set([
  ...['service.name', 'cluster', 'namespace', 'pod', 'container'],
  ...['k8s.cluster.name', 'k8s.namespace.name', 'k8s.pod.name', 'k8s.container.name'],
]);
const intrinsicTags = new Map<string, Field>([
  ['name', { type: 'intrinsic', name: 'name' }],
  ['root.name', { type: 'intrinsic', name: 'rootName' }],
  ['rootName', { type: 'intrinsic', name: 'rootName' }],
  ['root.service.name', { type: 'intrinsic', name: 'rootServiceName' }],
  ['rootServiceName', { type: 'intrinsic', name: 'rootServiceName' }],
]);

/** Version 1 names tags without a scope; of some it is fixed. */
export function plainTag(tag: string): Field {
  const scope = ofResources.has(tag) ? 'resource' : ofSpans.includes(tag) ? 'span' : 'any';
  return intrinsicTags.get(tag) ?? { type: 'attribute', scope, key: tag };
}
