/** Names and method paths as they stand in proto/. */
export const traceService = 'opentelemetry.proto.collector.trace.v1.TraceService';
export const healthService = 'grpc.health.v1.Health';
/** v1 and the name it had before: the same messages. Older clients know the latter alone. */
export const reflectionServices = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'];

/** Members of a fleet ask each other by it; served at `cluster.listen` alone. */
export const exchangePath = '/tailgate.fleet.v1.Fleet/Exchange';

export const exportPath = `/${traceService}/Export`;
export const healthCheckPath = `/${healthService}/Check`;
export const healthWatchPath = `/${healthService}/Watch`;
export const reflectionPaths = reflectionServices.map((service) => `/${service}/ServerReflectionInfo`);

/**
 * Every method that is served here, and what it asks of its caller: that it may send, that it is let in at all, or
 * nothing, as for the probes of whoever runs us. A method that is not in it is not served.
 */
export const methodNeeds: ReadonlyMap<string, 'sender' | 'caller' | 'nobody'> = new Map([
  [exportPath, 'sender'],
  [healthCheckPath, 'nobody'],
  [healthWatchPath, 'nobody'],
  ...reflectionPaths.map((path) => [path, 'caller'] as const),
]);
