/** The configuration of a Collector that writes what comes by HTTP to a file, request behind request. */
export const httpIntoFile = (file: string): string => `
receivers: { otlp: { protocols: { http: { endpoint: "\${env:OTLP_HTTP}" } } } }
exporters: { file: { path: "${file}", format: proto, flush_interval: 50ms } }
service: { pipelines: { traces: { receivers: [otlp], exporters: [file] } } }
`;

/** The same for two protocols, a file in `folder` each: all but the receivers otlp/grpc and otlp/http. */
export const intoFiles = (folder: string): string => `
exporters:
  file/grpc: { path: "${folder}/grpc.pb", format: proto, append: true, flush_interval: 50ms }
  file/http: { path: "${folder}/http.pb", format: proto, append: true, flush_interval: 50ms }
service:
  pipelines:
    traces/grpc: { receivers: [otlp/grpc], exporters: [file/grpc] }
    traces/http: { receivers: [otlp/http], exporters: [file/http] }
`;
