import { parentPort, workerData } from 'node:worker_threads';
import { type Sender, senderTo } from '../support/otlp-send.ts';
import { requestBytes } from '../support/spans.ts';

/** What the thread is told: where to send, and how often. */
export interface NeighbourTask {
  readonly grpc: string;
  readonly http: string;
  /** A server that does nothing. */
  readonly control: string;
  readonly everyMs: number;
}

/** One request of the neighbour: of which trace, how it was answered, and after how long. */
export interface Answered {
  readonly trace: string;
  readonly by: 'gateway' | 'control';
  readonly taken: boolean;
  readonly why: string;
  readonly ms: number;
}

const { grpc, http, control, everyMs } = workerData as NeighbourTask;
const sender: Sender = senderTo({ grpc, http });
const controlSender: Sender = senderTo({ grpc: control, http: control });
let answered: Answered[] = [];
let sent = 0;
let underWay = 0;

/** A small request, by either protocol in turn, and the same to the control. */
function sendBoth(): void {
  const trace = `neighbour-${sent++}`;
  const body = requestBytes({ trace, id: trace, name: 'of a neighbour', status: 'ERROR' });
  void note(trace, 'gateway', () => (sent % 2 === 0 ? sender.http(body) : sender.grpc(body)));
  void note(trace, 'control', () => controlSender.http(body));
}

async function note(trace: string, by: 'gateway' | 'control', send: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  underWay++;
  const why = await send().then(
    () => '',
    (error: Error) => error.message,
  );
  underWay--;
  answered.push({ trace, by, taken: why === '', why, ms: performance.now() - start });
}

const timer = setInterval(sendBoth, everyMs);

/** `take`: what was answered since the last one. `end`: no more is sent; what is under way is waited for. */
parentPort?.on('message', async (word: 'take' | 'end') => {
  if (word === 'end') clearInterval(timer);
  while (word === 'end' && underWay > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  parentPort?.postMessage(answered);
  answered = [];
  if (word === 'end') for (const each of [sender, controlSender]) each.close();
  if (word === 'end') parentPort?.close();
});
