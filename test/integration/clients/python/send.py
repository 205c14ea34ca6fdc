"""Tells a story (argv[1], a JSON file) with the OpenTelemetry SDK for Python; prints the ids it sent, as JSON.

Where and how it sends is in the usual OTEL_EXPORTER_OTLP_* variables. Whatever the SDK has to complain goes to stderr.
"""

import json
import logging
import os
import secrets
import sys
import time

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace.span import TraceState

MS = 1_000_000


def exporter():
    if os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    return OTLPSpanExporter()


def elsewhere(trace_state):
    """The context of a caller that is not in the story."""
    context = SpanContext(
        trace_id=secrets.randbits(128),
        span_id=secrets.randbits(64),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
        trace_state=TraceState.from_header([trace_state]),
    )
    return set_span_in_context(NonRecordingSpan(context))


def tell(tracer, trace, roots, began):
    spans = []
    outside = elsewhere(trace["traceState"]) if "traceState" in trace else None
    for told in trace["spans"]:
        start = began + told["startMs"] * MS
        span = tracer.start_span(
            told["name"],
            context=set_span_in_context(spans[told["parent"]]) if "parent" in told else outside,
            kind=SpanKind[told["kind"]],
            attributes=told.get("attributes"),
            links=[Link(roots[it["to"]], it["attributes"]) for it in told.get("links", [])],
            start_time=start,
        )
        for event in told.get("events", []):
            span.add_event(event["name"], event["attributes"], began + event["atMs"] * MS)
        if "status" in told:
            span.set_status(Status(StatusCode[told["status"]["code"]], told["status"].get("message") or None))
        spans.append(span)
    for told, span in zip(trace["spans"], spans):
        span.end(began + (told["startMs"] + told["durationMs"]) * MS)
    roots[trace["name"]] = spans[0].get_span_context()
    return {
        "traceId": f"{spans[0].get_span_context().trace_id:032x}",
        "spanIds": [f"{span.get_span_context().span_id:016x}" for span in spans],
    }


logging.basicConfig(level=logging.WARNING)
with open(sys.argv[1], encoding="utf-8") as file:
    story = json.load(file)
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(exporter()))
tracer = provider.get_tracer("story", "1.0")
began = time.time_ns()
roots = {}
sent = {trace["name"]: tell(tracer, trace, roots, began) for trace in story["traces"]}
provider.shutdown()
print(json.dumps({"beganUnixNano": str(began), "traces": sent}))
