import type { Intake } from '../src/model/intake.ts';
import { openAccess } from '../src/receive/access.ts';
import { Admission } from '../src/receive/admission.ts';
import { createGrpcReceiver } from '../src/receive/grpc.ts';
import { ReceiveStats } from '../src/receive/stats.ts';

/**
 * A receiver that takes everything and does nothing: our gRPC receivers, with their windows, in front of an intake that
 * forgets. `noop.ts grpc-js|http2` prints its port.
 */
const server = process.argv[2] === 'http2' ? 'http2' : 'grpc-js';
const memory = new Uint8Array(64 << 20);
const intake: Intake = {
  refuses: () => undefined,
  accept: (message) => {
    message.copyTo(memory, 0);
    return { spans: 1, rejectedSpans: 0, message: '' };
  },
  acceptInSteps: function* (message, protocol) {
    yield;
    return this.accept(message, protocol);
  },
};
const admission = new Admission({
  maxRequestBytes: 64 << 20,
  maxInflightBytes: 256 << 20,
  maxConnectionBytes: 64 << 20,
});
const endpoint = { host: '127.0.0.1', port: 0 };
const receiver = createGrpcReceiver({
  endpoint,
  server,
  access: openAccess(intake),
  admission,
  stats: new ReceiveStats(),
  serving: () => true,
});
const { port } = await receiver.start();
console.log(JSON.stringify({ port }));
