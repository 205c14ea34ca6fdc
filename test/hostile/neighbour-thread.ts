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
const underWay = new Set<Promise<void>>();

/** A small request, by either protocol in turn, and the same to the control. */
function sendBoth(): void {
  const trace = `neighbour-${sent++}`;
  const body = requestBytes({ trace, id: trace, name: 'of a neighbour', status: 'ERROR' });
  follow(note(trace, 'gateway', () => (sent % 2 === 0 ? sender.http(body) : sender.grpc(body))));
  follow(note(trace, 'control', () => controlSender.http(body)));
}

function follow(request: Promise<void>): void {
  underWay.add(request);
  void request.then(() => underWay.delete(request));
}

async function note(trace: string, by: 'gateway' | 'control', send: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  const why = await send().then(
    () => '',
    (error: Error) => error.message,
  );
  answered.push({ trace, by, taken: why === '', why, ms: performance.now() - start });
}

const timer = setInterval(sendBoth, everyMs);

/** `take`: what was answered since the last one, and what is under way now, when it is. `end`: no more is sent. */
parentPort?.on('message', async (word: 'take' | 'end') => {
  if (word === 'end') clearInterval(timer);
  await Promise.all([...underWay]);
  parentPort?.postMessage(answered);
  answered = [];
  if (word !== 'end') return;
  for (const each of [sender, controlSender]) each.close();
  parentPort?.close();
});
