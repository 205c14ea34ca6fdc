import { chance, hexId, integer, pick, type Random } from './random.ts';
import type { Step } from './shapes.ts';
import { type AttributeValue, Kind } from './span.ts';

type Bag = Record<string, AttributeValue>;

/** The attributes a span of this service and kind carries, in its own generation of the semantic conventions. */
export function attributesOf(random: Random, step: Step, failed: boolean): Bag {
  if (step.work === 'http') return httpOf(random, step, failed ? pick(random, [500, 502, 503, 504]) : okStatus(random));
  if (step.work === 'rpc') return rpcOf(random, step, failed);
  if (step.work === 'store') return storeOf(random, step);
  if (step.work === 'message') return messageOf(random, step);
  return { 'app.items': integer(random, 1, 40), 'app.session': hexId(random, 8), 'app.cached': chance(random, 0.6) };
}

/** The name a span of this service and kind carries: some frameworks know the route, some the method only. */
export function nameOf(step: Step): string {
  const { method, path, route, service } = step.entry;
  if (step.service.style === 'envoy') return step.kind === Kind.server ? 'ingress' : `router ${service} egress`;
  if (step.work === 'http')
    return route ? `${method} ${route}` : step.service.style === 'go' ? method : `${method} ${path}`;
  if (step.work === 'rpc') return `shop.${step.peer || step.service.name}.Service/${rpcMethod(step)}`;
  if (step.work === 'store') return storeCalls[step.peer].name;
  if (step.work === 'message') return step.kind === Kind.consumer ? 'orders process' : 'orders publish';
  return `${step.service.name}.${inner[step.depth % inner.length]}`;
}

const inner = ['prepare', 'validate', 'load', 'convert', 'render'];

/** Not found now and then: a status code, not an error. */
const okStatus = (random: Random): number => (chance(random, 0.004) ? 404 : 200);

const agents = [
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36',
  'python-requests/2.32.3',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15',
];

function httpOf(random: Random, step: Step, status: number): Bag {
  const { method, path, route } = step.entry;
  const query = path === '/api/v1/content' || path === '/api/products' ? `?page=${integer(random, 1, 9)}` : '';
  if (step.service.style === 'envoy') return envoyOf(random, step, status, path + query);
  if (step.service.style === 'nginx')
    return { 'http.method': method, 'http.target': path, 'http.flavor': '1.1', 'http.status_code': status };
  if (step.service.style === 'python') {
    return {
      'http.method': method,
      'http.target': path + query,
      'http.route': route ?? path,
      'http.scheme': 'http',
      'http.host': 'account:8080',
      'http.flavor': '1.1',
      'http.user_agent': pick(random, agents),
      'net.peer.ip': '10.0.3.7',
      'net.host.port': 8080,
      'http.status_code': status,
    };
  }
  return {
    'http.request.method': method,
    'url.path': path,
    ...(query && { 'url.query': query.slice(1) }),
    'url.scheme': 'http',
    ...(route && { 'http.route': route }),
    'http.response.status_code': status,
    'server.address': step.service.name,
    'server.port': 8080,
    'network.protocol.version': '1.1',
    'user_agent.original': pick(random, agents),
    ...(method === 'POST' && { 'http.request.body.size': integer(random, 200, 4_000_000) }),
  };
}

/** Envoy's tracer writes every value as a string. */
function envoyOf(random: Random, step: Step, status: number, target: string): Bag {
  const inbound = step.kind === Kind.server;
  return {
    node_id: 'sidecar~10.0.3.7~frontend-proxy',
    zone: '',
    'guid:x-request-id': `${hexId(random, 4)}-${hexId(random, 2)}-9${hexId(random, 1)}1-${hexId(random, 6)}`,
    'http.url': `http://shop.example:8080${target}`,
    'http.method': step.entry.method,
    downstream_cluster: '-',
    user_agent: pick(random, agents),
    'http.protocol': 'HTTP/1.1',
    'peer.address': inbound ? '10.0.1.2' : '10.0.3.9:8080',
    request_size: String(integer(random, 0, 900)),
    response_size: String(integer(random, 40, 90_000)),
    component: 'proxy',
    upstream_cluster: step.entry.service,
    'upstream_cluster.name': step.entry.service,
    'http.status_code': String(status),
    response_flags: status >= 500 ? 'UF' : '-',
  };
}

const rpcMethods = ['Get', 'List', 'Convert', 'Place', 'Quote'];
const rpcMethod = (step: Step): string => rpcMethods[(step.peer || step.service.name).length % rpcMethods.length];

function rpcOf(random: Random, step: Step, failed: boolean): Bag {
  const old = step.service.style === 'python';
  return {
    'rpc.system': 'grpc',
    'rpc.service': `shop.${step.peer || step.service.name}.Service`,
    'rpc.method': rpcMethod(step),
    'rpc.grpc.status_code': failed ? pick(random, [4, 13, 14]) : 0,
    ...(old
      ? { 'net.peer.name': '10.0.3.12', 'net.peer.port': integer(random, 30_000, 60_000) }
      : { 'server.address': step.peer || step.service.name, 'server.port': 8080, 'network.transport': 'tcp' }),
    ...(chance(random, 0.4) && {
      'app.user.id': hexId(random, 16),
      'app.currency': pick(random, ['EUR', 'USD', 'JPY']),
    }),
  };
}

const storeCalls: Record<string, { name: string; text: string }> = {
  postgresql: {
    name: 'SELECT products',
    text: 'SELECT id, name, description, picture, price_units, price_nanos FROM catalogue.products WHERE id = ANY($1)',
  },
  redis: { name: 'HGET', text: 'HGET cart:? items' },
  s3: { name: 'S3.PutObject', text: '' },
};

function storeOf(random: Random, step: Step): Bag {
  const { text } = storeCalls[step.peer];
  if (step.peer === 's3') {
    const url = `https://media.s3.example/uploads/${hexId(random, 8)}`;
    return {
      'http.request.method': 'PUT',
      'url.full': url,
      'http.response.status_code': 200,
      'aws.s3.bucket': 'media',
    };
  }
  if (step.service.style === 'python')
    return { 'db.system': step.peer, 'db.statement': text, 'db.user': 'shop', 'net.peer.name': `${step.peer}.shop` };
  return {
    'db.system.name': step.peer,
    'db.query.text': text,
    'db.namespace': 'shop',
    'server.address': `${step.peer}.shop`,
    'db.response.returned_rows': integer(random, 0, 50),
  };
}

const messageOf = (random: Random, step: Step): Bag => ({
  'messaging.system': 'kafka',
  'messaging.destination.name': 'orders',
  'messaging.operation.type': step.kind === Kind.consumer ? 'process' : 'send',
  'messaging.kafka.offset': integer(random, 0, 5_000_000),
  'messaging.message.body.size': integer(random, 200, 1500),
});
