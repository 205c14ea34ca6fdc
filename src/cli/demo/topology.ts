import type { DemoResource, DemoScope } from './span.ts';

/** How a service is instrumented: decides attribute names, value types, resource and the way its spans travel. */
type Style = 'envoy' | 'node' | 'python' | 'go' | 'nginx';

export interface Service {
  readonly name: string;
  readonly style: Style;
  readonly resource: DemoResource;
  readonly scope: DemoScope;
  /** Services it calls over gRPC. */
  readonly calls: readonly string[];
  /** Its database or bucket. */
  readonly store?: 'postgresql' | 'redis' | 's3' | 'kafka';
}

const schema = 'https://opentelemetry.io/schemas/';

/** Resources in the sizes seen in production: some 90 bytes for most, 500 and more where detectors are on. */
const resources: Record<Style, (name: string) => DemoResource> = {
  envoy: (name) => ({ attributes: { 'service.name': name, 'telemetry.sdk.name': 'envoy' }, schemaUrl: '' }),
  nginx: (name) => ({ attributes: { 'service.name': name, 'telemetry.sdk.language': 'cpp' }, schemaUrl: '' }),
  go: (name) => ({
    attributes: { 'service.name': name, 'telemetry.sdk.language': 'go', 'telemetry.sdk.version': '1.43.0' },
    schemaUrl: `${schema}1.37.0`,
  }),
  python: (name) => ({
    attributes: { 'service.name': name, 'telemetry.sdk.language': 'python', 'telemetry.auto.version': '0.48b0' },
    schemaUrl: '',
  }),
  node: (name) => ({
    attributes: {
      'service.name': name,
      'service.namespace': 'shop',
      'service.version': '2.4.1',
      'service.instance.id': '8a1c2f5e-7c0f-4c5e-9a39-5f7d2d0e6b11',
      'deployment.environment.name': 'demo',
      'host.name': `${name}-6d5f8c7b94-x2x7k`,
      'host.arch': 'amd64',
      'k8s.namespace.name': 'shop',
      'k8s.pod.name': `${name}-6d5f8c7b94-x2x7k`,
      'os.type': 'linux',
      'process.pid': 1,
      'process.command_args': ['node', '--require', './instrumentation.js', 'server.js'],
      'process.runtime.name': 'nodejs',
      'process.runtime.version': '22.14.0',
      'telemetry.sdk.language': 'nodejs',
      'telemetry.sdk.name': 'opentelemetry',
      'telemetry.sdk.version': '1.30.1',
    },
    schemaUrl: `${schema}1.30.0`,
  }),
};

/** Envoy and nginx name no scope: an empty one is what they send. */
const scopes: Record<Style, DemoScope> = {
  envoy: { name: '', version: '' },
  nginx: { name: 'nginx', version: '' },
  go: { name: 'go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp', version: '0.61.0' },
  python: { name: 'opentelemetry.instrumentation.flask', version: '0.48b0' },
  node: { name: '@opentelemetry/instrumentation-http', version: '0.57.2' },
};

const service = (name: string, style: Style, calls: string[] = [], store?: Service['store']): Service => ({
  name,
  style,
  resource: resources[style](name),
  scope: scopes[style],
  calls,
  ...(store && { store }),
});

/** The shop: a proxy at the edge, a front end, and what stands behind them. No service is its own caller's caller. */
export const services: ReadonlyMap<string, Service> = new Map(
  [
    service('frontend-proxy', 'envoy', ['frontend']),
    service('images', 'nginx'),
    service('frontend', 'node', ['catalogue', 'cart', 'recommendation', 'currency', 'checkout', 'ads']),
    service('logic-router', 'node', ['catalogue', 'recommendation', 'ads']),
    service('account', 'python', ['fraud'], 'postgresql'),
    service('media', 'go', ['fraud'], 's3'),
    service('checkout', 'go', ['cart', 'payment', 'shipping', 'currency', 'email'], 'kafka'),
    service('recommendation', 'python', ['catalogue']),
    service('shipping', 'go', ['quote']),
    service('payment', 'node', ['fraud'], 'postgresql'),
    service('catalogue', 'go', [], 'postgresql'),
    service('cart', 'go', [], 'redis'),
    service('currency', 'node'),
    service('quote', 'node', ['currency']),
    service('email', 'python'),
    service('fraud', 'python', [], 'redis'),
    service('ads', 'python', [], 'redis'),
    service('orders', 'go', ['shipping', 'email'], 'postgresql'),
  ].map((each) => [each.name, each]),
);

/**
 * What people ask of the shop: service behind the proxy, method, path as sent, route template where the framework knows
 * one.
 */
export interface Entry {
  readonly service: string;
  readonly method: string;
  readonly path: string;
  readonly route?: string;
  readonly weight: number;
}

export const entries: readonly Entry[] = [
  { service: 'frontend', method: 'GET', path: '/', weight: 16 },
  { service: 'frontend', method: 'GET', path: '/product/OLJCESPC7Z', weight: 26 },
  { service: 'frontend', method: 'GET', path: '/api/products', weight: 16 },
  { service: 'frontend', method: 'GET', path: '/api/recommendations', weight: 10 },
  { service: 'frontend', method: 'GET', path: '/api/cart', weight: 10 },
  { service: 'frontend', method: 'POST', path: '/api/cart', weight: 6 },
  { service: 'frontend', method: 'POST', path: '/api/checkout', weight: 4 },
  { service: 'logic-router', method: 'GET', path: '/api/v1/content', route: '/api/v1/content', weight: 6 },
  { service: 'account', method: 'POST', path: '/login', route: '/login', weight: 3 },
  { service: 'media', method: 'POST', path: '/upload', weight: 1.5 },
];
