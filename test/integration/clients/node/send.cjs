// Tells a story (argv[2], a JSON file) with the OpenTelemetry SDK for Node.js; prints the ids it sent, as JSON.
// Where and how it sends is in the usual OTEL_EXPORTER_OTLP_* variables. Whatever the SDK has to complain goes to stderr.
// CommonJS, because NODE_PATH names where the packages are.
const { randomBytes } = require('node:crypto');
const { readFileSync } = require('node:fs');
const api = require('@opentelemetry/api');
const { defaultResource, resourceFromAttributes } = require('@opentelemetry/resources');
const { BasicTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');

const packages = { grpc: 'grpc', 'http/protobuf': 'proto', 'http/json': 'http' };
const kind = packages[process.env.OTEL_EXPORTER_OTLP_PROTOCOL];
const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${kind}`);

/** Milliseconds after `began` (Unix seconds) as [seconds, nanoseconds]. */
const at = (began, ms) => [began + Math.floor(ms / 1000), (ms % 1000) * 1e6];

/** The context of a caller that is not in the story. */
function elsewhere(traceState) {
  return api.trace.setSpanContext(api.ROOT_CONTEXT, {
    traceId: randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    traceFlags: api.TraceFlags.SAMPLED,
    isRemote: true,
    traceState: api.createTraceState(traceState),
  });
}

function tell(tracer, trace, roots, began) {
  const outside = trace.traceState ? elsewhere(trace.traceState) : api.ROOT_CONTEXT;
  const spans = [];
  for (const { name, parent, kind, startMs, attributes, links = [], events = [], status } of trace.spans) {
    const span = tracer.startSpan(
      name,
      {
        kind: api.SpanKind[kind],
        attributes,
        startTime: at(began, startMs),
        links: links.map(({ to, attributes }) => ({ context: roots[to], attributes })),
      },
      parent === undefined ? outside : api.trace.setSpan(api.ROOT_CONTEXT, spans[parent]),
    );
    for (const event of events) span.addEvent(event.name, event.attributes, at(began, event.atMs));
    if (status) span.setStatus({ code: api.SpanStatusCode[status.code], message: status.message });
    spans.push(span);
  }
  for (const [i, { startMs, durationMs }] of trace.spans.entries()) spans[i].end(at(began, startMs + durationMs));
  roots[trace.name] = spans[0].spanContext();
  return { traceId: spans[0].spanContext().traceId, spanIds: spans.map((span) => span.spanContext().spanId) };
}

async function main() {
  api.diag.setLogger(
    { ...console, error: console.error, warn: console.error, info() {}, debug() {}, verbose() {} },
    api.DiagLogLevel.WARN,
  );
  const story = JSON.parse(readFileSync(process.argv[2], 'utf8'));
  const provider = new BasicTracerProvider({
    resource: defaultResource().merge(resourceFromAttributes({ 'service.name': process.env.OTEL_SERVICE_NAME })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  const tracer = provider.getTracer('story', '1.0');
  const began = Math.floor(Date.now() / 1000);
  const roots = {};
  const traces = Object.fromEntries(story.traces.map((trace) => [trace.name, tell(tracer, trace, roots, began)]));
  await provider.shutdown().catch((error) => console.error(error.message));
  console.log(JSON.stringify({ beganUnixNano: `${began}000000000`, traces }));
}

void main();
