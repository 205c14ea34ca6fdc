"""Reads ExportTraceServiceRequests from stdin, each after its length in 4 bytes, big-endian, as a server of grpcio
does: by protobuf's C library. One line of JSON each: the ids of its spans and what else is in them, or why it does not
parse."""

import json
import struct
import sys

from google.protobuf.internal import api_implementation
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest



def tell(span):
    """Names, times, kind, status and attributes of a span, as text."""
    fields = [span.name, span.parent_span_id.hex(), span.start_time_unix_nano, span.end_time_unix_nano, span.kind]
    attributes = [attribute.key + "=" + value(attribute.value) for attribute in span.attributes]
    status = [span.status.code, span.status.message]
    return "|".join(map(str, fields + status + attributes + [len(span.events), len(span.links)]))


def value(any_value):
    which = any_value.WhichOneof("value")
    simple = which in ("string_value", "int_value", "bool_value")
    return str(getattr(any_value, which)) if simple else str(which)


assert api_implementation.Type() == "upb", api_implementation.Type()
while head := sys.stdin.buffer.read(4):
    body = sys.stdin.buffer.read(*struct.unpack(">I", head))
    try:
        request = ExportTraceServiceRequest.FromString(body)
        spans = [
            span.trace_id.hex() + " " + span.span_id.hex()
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        told = [
            tell(span)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        print(json.dumps({"spans": spans, "told": told}))
    except Exception as error:
        print(json.dumps({"error": str(error)}))
