import type { Intake } from '../src/model/intake.ts';
import { openAccess } from '../src/receive/access.ts';
import { Admission } from '../src/receive/admission.ts';
import { createGrpcReceiver } from '../src/receive/grpc.ts';
import { ReceiveStats } from '../src/receive/stats.ts';
import { errorSpans, SpanSum } from './span-sum.ts';

/**
 * Where kept traces go: an OTLP/gRPC server that counts spans, and counts and sums up those with an ERROR. SIGUSR2
 * prints all three.
 */
let spans = 0;
let errors = 0;
const errorSum = new SpanSum();
const intake: Intake = {
  refuses: () => undefined,
  accept: (message) => {
    const bytes = new Uint8Array(message.length + 64);
    message.copyTo(bytes, 0);
    const count = errorSpans(bytes, message.length, (ids, content) => {
      errors++;
      errorSum.add(ids, content);
    });
    spans += count;
    return { spans: count, rejectedSpans: 0, message: '' };
  },
  acceptInSteps: function* (message, protocol) {
    yield;
    return this.accept(message, protocol);
  },
};
const admission = new Admission({ maxRequestBytes: 64 << 20, maxInflightBytes: 1 << 30, maxConnectionBytes: 1 << 30 });
const endpoint = { host: '127.0.0.1', port: 0 };
const receiver = createGrpcReceiver({
  endpoint,
  server: 'http2',
  access: openAccess(intake),
  admission,
  stats: new ReceiveStats(),
  serving: () => true,
});
const { port } = await receiver.start();
console.log(JSON.stringify({ port }));
process.on('SIGUSR2', () => console.log(JSON.stringify({ spans, errors, errorSum: errorSum.value })));
