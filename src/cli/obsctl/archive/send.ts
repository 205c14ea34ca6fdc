import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../../clock.ts';
import { split } from '../../../export/split.ts';
import type { ExportRequest } from '../../../model/export-request.ts';
import { Reader } from '../../../wire/reader.ts';
import { CommandError } from '../../exit.ts';
import type { Place } from '../http-json.ts';
import type { Settings } from '../settings.ts';
import type { ArchivedTrace } from './archived-file.ts';
import { TraceFault } from './trace-text.ts';

/** Every receiver takes so much at once; one span may be longer. */
const maxRequestBytes = 2 ** 20;
/** How long a receiver may be too busy. */
const busyMs = 60_000;
const busy = [429, 502, 503, 504];
const protobuf = 'application/x-protobuf';

/** Where restored traces are sent: both take an ExportTraceServiceRequest by POST. */
export interface Receiver {
  readonly place: Place;
  readonly path: string;
  /** OTLP's answer says what was left out; the gateway takes all or nothing. */
  readonly isOtlp: boolean;
}

/** Sends a trace, in requests of its spans. Throws TraceFault where the receiver does not take it. */
export async function send({ traceId, spans, wire }: ArchivedTrace, to: Receiver, settings: Settings): Promise<void> {
  let taken = 0;
  for (const request of requestsOf({ body: wire, spans, traces: 1 })) {
    const answer = await sendOne(request.body, to, settings);
    const of = taken === 0 ? 'it' : `all but ${taken} of its ${spans} spans`;
    if (answer.status !== 200) throw new TraceFault(`${to.place.base} refused ${of}: ${lineOf(answer.body)}`);
    taken += request.spans;
    const rejected = to.isOtlp ? rejectedIn(answer.body) : '';
    if (rejected !== '') throw new TraceFault(`${to.place.base} left spans of ${traceId} out: ${rejected}`);
  }
}

function* requestsOf(request: ExportRequest): Generator<ExportRequest> {
  const halves = request.body.length > maxRequestBytes ? split(request, 'spans') : null;
  if (halves === null) yield request;
  else for (const half of halves) yield* requestsOf(half);
}

async function sendOne(body: Uint8Array, { place, path }: Receiver, { client, io }: Settings) {
  const untilMs = systemClock.monotonicMs() + busyMs;
  for (let pauseMs = 250; ; pauseMs = Math.min(5000, pauseMs * 2)) {
    const answer = await client.postBytes(place, path, { body, type: protobuf }, [400, 413, ...busy]);
    if (!busy.includes(answer.status)) return answer;
    if (systemClock.monotonicMs() + pauseMs > untilMs)
      throw new CommandError(`${place.base} takes nothing now (HTTP ${answer.status}: ${lineOf(answer.body)})`);
    await sleep(pauseMs, undefined, { signal: io.signal }).catch(() => {
      throw new CommandError('interrupted');
    });
  }
}

const lineOf = (body: Buffer): string => body.toString('utf8', 0, 400).split('\n')[0].trim();

/** ExportTraceServiceResponse: partial_success = 1 { rejected_spans = 1, error_message = 2 }. */
function rejectedIn(body: Uint8Array): string {
  let [spans, message] = [0n, ''];
  try {
    for (const r = new Reader(body); r.next(); ) {
      if (r.field !== 1 || r.wireType !== 2) r.skip();
      else
        for (const partial = r.message(); partial.next(); ) {
          if (partial.field === 1 && partial.wireType === 0) spans = partial.int64();
          else if (partial.field === 2 && partial.wireType === 2) message = partial.string();
          else partial.skip();
        }
    }
  } catch {
    return 'its answer makes no sense: is this OTLP/HTTP?';
  }
  return spans > 0n ? `${spans} of a request: ${message.slice(0, 300)}` : '';
}
