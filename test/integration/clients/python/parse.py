"""Reads ExportTraceServiceRequests from stdin, each after its length in 4 bytes, big-endian, as a server of grpcio
does: by protobuf's C library. One line of JSON each: the ids of its spans, or why it does not parse."""

import json
import struct
import sys

from google.protobuf.internal import api_implementation
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

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
        print(json.dumps({"spans": spans}))
    except Exception as error:
        print(json.dumps({"error": str(error)}))
