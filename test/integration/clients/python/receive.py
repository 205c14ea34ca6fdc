"""An OTLP/gRPC server on grpc's C core, with protobuf's own parser: receive.py FILE [identity]

Appends each request that it takes to FILE, after its length in 4 bytes, big-endian. With `identity` it reads nothing
that is compressed. Prints the port that it listens on; ends when stdin does.
"""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

# grpc's bit set of enabled algorithms: bit 0 is identity.
IDENTITY_ONLY = ("grpc.compression_enabled_algorithms_bitset", 1)


class TraceService(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, file):
        self._file = file
        self._lock = threading.Lock()

    def Export(self, request, context):
        message = request.SerializeToString()
        with self._lock:
            self._file.write(len(message).to_bytes(4, "big") + message)
            self._file.flush()
        return trace_service_pb2.ExportTraceServiceResponse()


def main():
    options = [IDENTITY_ONLY] if "identity" in sys.argv[2:] else []
    server = grpc.server(ThreadPoolExecutor(4), options=options)
    with open(sys.argv[1], "ab") as file:
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(TraceService(file), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        print(port, flush=True)
        sys.stdin.read()
        server.stop(1).wait()


main()
