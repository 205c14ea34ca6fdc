import { ConditionsBuilder } from '../src/decide/conditions.ts';
import { RequestScan } from '../src/decode/scan.ts';
import type { Intake, Landing } from '../src/model/intake.ts';
import { Slice, sliceWords } from '../src/model/slice.ts';
import { Admission } from '../src/receive/admission.ts';
import { createGrpcReceiver } from '../src/receive/grpc.ts';
import { ReceiveStats } from '../src/receive/stats.ts';

/** Where kept traces go: an OTLP/gRPC server that counts spans, and spans with an ERROR. SIGUSR2 prints the counts. */
const builder = new ConditionsBuilder();
const error = builder.status(['ERROR']);
const conditions = builder.build();
const scan = new RequestScan();
let spans = 0;
let errors = 0;
const intake: Intake = {
  land: (length): Landing => ({ bytes: new Uint8Array(length + 64), start: 0, length, segment: 0 }),
  accept: ({ bytes, length }) => {
    scan.run(bytes, 0, length, conditions);
    spans += scan.count;
    for (let i = 0; i < scan.count; i++) if ((scan.slices[i * sliceWords + Slice.bits] & error) !== 0) errors++;
    return { spans: scan.count, rejectedSpans: 0, message: '' };
  },
  abandon: () => {},
};
const admission = new Admission({ maxRequestBytes: 64 << 20, maxInflightBytes: 1 << 30 });
const endpoint = { host: '127.0.0.1', port: 0 };
const receiver = createGrpcReceiver({
  endpoint,
  server: 'http2',
  intake,
  admission,
  stats: new ReceiveStats(),
  serving: () => true,
});
const { port } = await receiver.start();
console.log(JSON.stringify({ port }));
process.on('SIGUSR2', () => console.log(JSON.stringify({ spans, errors })));
