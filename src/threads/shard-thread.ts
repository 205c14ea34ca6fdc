import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../clock.ts';
import { UsageError } from '../errors.ts';
import { LoopProbe } from '../telemetry/loop.ts';
import { compactHeapSoon } from './compact-heap.ts';
import { LocalShard } from './local-shard.ts';
import type { FromThread, Question, ThreadData, ToThread } from './messages.ts';
import { packed, type RelayAnswer, unpacked } from './relay-answer.ts';
import { Replies } from './replies.ts';
import { shardStats } from './shard-stats.ts';

/** The thread of one shard: a shard that is asked and told by messages. Everything else it shares is memory. */
const { self, config, rules, shared, inflight, repeats, turns } = workerData as ThreadData;
const turnReportMs = 500;
const port = parentPort!;
const tell = (message: FromThread, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
const lastTurns = new Int32Array(turns);
// The requests that leave are transferred. The first buffer that is makes V8 throw all compiled code away: now, while
// there is none (docs/decisions/0005).
new ArrayBuffer(1).transfer();

/** Of the thread that has the exporters. */
const deliveries = new Replies<boolean>();
/** Of other shards, which judge parts of requests. */
const relays = new Replies<RelayAnswer>();
const Fleet = config.fleet && (await import('./fleet-part.ts')).FleetPart;

const shard = new LocalShard(
  config,
  rules,
  {
    emit: (request, _, tenant) => tell({ type: 'emit', request, tenant }, [request.body.buffer as ArrayBuffer]),
    fault: (error) => tell({ type: 'fault', message: String(error) }),
    lost: (reason, spans) => tell({ type: 'lost', reason, spans }),
    conditionFault: (...told) => tell({ type: 'conditionFault', told }),
    full: (protocol) => tell({ type: 'full', protocol }),
    delivered: () => deliveries.ask((id) => tell({ type: 'delivered', id })),
    kafka: (...told) => tell({ type: 'kafka', told }),
    refused: (sum) => tell({ type: 'refused', sum }),
    heard: (word) => tell({ type: 'heard', word }),
    unreachable: (name) => tell({ type: 'unreachable', name }),
    overload: (_, stats, tenant) => tell({ type: 'overload', stats, tenant }),
    // Whoever started this thread sees it by itself.
    died: () => {},
  },
  {
    inflight,
    repeats,
    bringBack: (traceId, tenant) => tell({ type: 'bringBack', traceId, tenant }),
    relay: (to, relayed) => relays.ask((id) => tell({ type: 'relay', id, to, relayed })).then(unpacked),
    neighbours: shared.map((memory, tenant) => ({
      self,
      shared: memory,
      tell: (notice, to) => tell({ type: 'slab', notice, tenant, to }),
    })),
  },
  Fleet,
);
const probe = new LoopProbe(systemClock.monotonicMs());
const reportTurn = (): void =>
  void Atomics.store(lastTurns, self, (systemClock.monotonicMs() - shard.slowest().stalledMs) | 0);
// Its modules are loaded: from now on it may not stand still.
reportTurn();
setInterval(reportTurn, turnReportMs).unref();
compactHeapSoon();

/** Questions that may be abandoned, under way. */
const open = new Map<number, AbortController>();

port.on('message', (message: ToThread) => {
  if (message.type === 'slab') shard.tenants[message.tenant].pipeline.shard.neighbours?.learn(message.notice);
  else if (message.type === 'abandon') open.get(message.id)?.abort();
  else if (message.type === 'bringBack') void shard.bringBack(message.traceId, message.tenant);
  else if (message.type === 'renewFleet') shard.renewFleet(message.view);
  else if (message.type === 'renewLink') shard.renewLink(message.link);
  else if (message.type === 'relayed') relays.came(message.id, message.answer);
  else if (message.type === 'swap') shard.swap(message.rules);
  else if (message.type === 'renewSenders') shard.renewSenders(message.port, message.credentials);
  else if (message.type === 'renewTls') shard.renewTls(message.port, message.credentials);
  else if (message.type === 'knowPods') shard.knowPods(message.changes);
  else if (message.type === 'exportQueue') shard.exportQueue(message.shares);
  else if (message.type === 'delivered') deliveries.came(message.id, message.isDelivered);
  else if (message.type === 'reuse') shard.reuse(message.body, message.tenant);
  else void answer(message.id, message.question);
});

async function answer(id: number, question: Question): Promise<void> {
  const over = new AbortController();
  open.set(id, over);
  try {
    tell({ type: 'answer', id, value: await answerTo(question, over.signal) });
  } catch (error) {
    tell({ type: 'failure', id, message: (error as Error).message, usage: error instanceof UsageError });
  } finally {
    open.delete(id);
  }
}

function answerTo(question: Question, over: AbortSignal): unknown {
  switch (question.ask) {
    case 'start':
      return shard.start(question.config, question.listen);
    case 'stats':
      return shardStats(shard, probe.read(systemClock.monotonicMs()));
    case 'explain':
      return shard.explain(question.traceId, question.tenant, question.parts);
    case 'pastTraces':
      return shard.pastTraces(question.traceIds, question.tenant, over).then(([past]) => past);
    case 'gather':
      return shard.gather(question.asked, question.tenant, over).then(([gathered]) => gathered);
    case 'pastCandidates':
      return shard.pastCandidates(question.query, question.tenant, over).then(([found]) => found);
    case 'keep':
      return shard.keep(question.traceId, question.tenant, question.way, question.isSure);
    case 'bringBack':
      return shard.bringBack(question.traceId, question.tenant);
    case 'notBrought':
      return shard.notBrought(question.traceId, question.tenant);
    case 'flush':
      return shard.flush();
    case 'finishReading':
      return shard.finishReading();
    case 'relay':
      return shard.fleet?.relayed(question.relayed).then(packed);
    case 'prepareFleet':
      return shard.fleet?.shard.prepare(question.view);
    case 'stopReceiving':
      return shard.stopReceiving(question.deadlineMs);
    case 'decideWaiting':
      return shard.decideWaiting(question.maxBytes);
  }
}
