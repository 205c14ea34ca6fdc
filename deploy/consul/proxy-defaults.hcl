# Every proxy of Consul's mesh and its API gateways send their spans to Tailgate: consul config write proxy-defaults.hcl
# 4317 stands for an agent of Tailgate on the same node; name another host where there is none.
Kind = "proxy-defaults"
Name = "global"

Config {
  envoy_tracing_json = <<EOF
{
  "http": {
    "name": "envoy.tracers.opentelemetry",
    "typedConfig": {
      "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
      "grpcService": { "envoyGrpc": { "clusterName": "tailgate" }, "timeout": "5s" },
      "serviceName": "mesh"
    }
  }
}
EOF

  # By default Consul's listeners trace nothing that nobody traced before: all of it, since Tailgate decides what is kept.
  envoy_listener_tracing_json = <<EOF
{
  "randomSampling": { "value": 100 },
  "spawnUpstreamSpan": true,
  "provider": {
    "name": "envoy.tracers.opentelemetry",
    "typedConfig": {
      "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
      "grpcService": { "envoyGrpc": { "clusterName": "tailgate" }, "timeout": "5s" },
      "serviceName": "mesh"
    }
  }
}
EOF

  envoy_extra_static_clusters_json = <<EOF
{
  "name": "tailgate",
  "type": "STRICT_DNS",
  "connectTimeout": "3s",
  "typedExtensionProtocolOptions": {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      "explicitHttpConfig": { "http2ProtocolOptions": {} }
    }
  },
  "loadAssignment": {
    "clusterName": "tailgate",
    "endpoints": [{ "lbEndpoints": [{ "endpoint": { "address": { "socketAddress": { "address": "127.0.0.1", "portValue": 4317 } } } }] }]
  }
}
EOF
}
