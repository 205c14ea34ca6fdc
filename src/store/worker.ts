import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../clock.ts';
import { lowerOwnPriority } from '../low-priority.ts';
import { MalformedError } from '../wire/reader.ts';
import type { TempoAnswers } from './answer.ts';
import { tryWriting } from './database.ts';
import { Databases } from './databases.ts';
import { deleteForsaken } from './forsaken.ts';
import type { Abandon, Command, Outcome, Reply, TempoAnswer, WorkerOptions } from './messages.ts';
import { type Opened, trimStore } from './opened.ts';
import { Pace, Turns } from './pace.ts';

/** The store's own thread: all of SQLite happens here, so that neither writes nor searches hold the gateway's loop. */
const port = parentPort!;
const options = workerData as WorkerOptions;
const reply = (message: Reply): void => port.postMessage(message);
const tellSetAside = (message: string): void => reply({ type: 'set_aside', message });

let databases: Databases;
const utf8 = new TextEncoder();
const turns = new Turns();
/** Of the questions under way, by their ids. */
const paces = new Map<number, Pace>();

function start(): void {
  lowerOwnPriority();
  try {
    databases = new Databases(options, systemClock.unixMs, tellSetAside);
    port.on('message', (message: Command | Abandon) => {
      if (message.type === 'abandon') abandon(message);
      else void obey(message);
    });
    reply({ type: 'ready', storage: databases.storage });
  } catch (error) {
    reply({ type: 'refused', message: (error as Error).message });
    port.close();
  }
}

/** One that has ended already has its answer on the way. */
function abandon({ id }: Abandon): void {
  const pace = paces.get(id);
  if (pace !== undefined) pace.isAbandoned = true;
}

async function obey(command: Command): Promise<void> {
  const { id } = command;
  try {
    const outcome = await carryOut(command);
    // The bytes of an answer change hands, rather than be copied by the thread that asked.
    const bytes = outcome.answer?.body;
    port.postMessage(
      { type: 'done', id, ...outcome } satisfies Reply,
      bytes instanceof Uint8Array ? [bytes.buffer as ArrayBuffer] : [],
    );
    if (command.type === 'close') port.close();
  } catch (error) {
    reply({ type: 'failed', id, message: (error as Error).message, malformed: error instanceof MalformedError });
  }
}

async function carryOut(command: Command): Promise<Outcome> {
  switch (command.type) {
    case 'append': {
      const refusedSpans = await databases.use(command.tenant, ({ appender, retention }) => {
        retention.makeRoom(command.now);
        return appender.append(command.body, command.now);
      });
      return { storage: databases.storage, refusedSpans };
    }
    case 'retain':
      await databases.useAll((opened, limits) => retain(opened, limits, command.now));
      deleteForsaken(options, command.now);
      return { storage: databases.storage };
    case 'try_writing':
      await databases.useAll(({ db }, { directory }) => tryWriting(db, directory, command.bytes));
      return { storage: databases.storage };
    case 'answer':
      return { answer: await databases.use(command.request.tenant ?? '', ({ answers }) => answer(answers, command)) };
    case 'close':
      await databases.useAll((opened) => opened.close());
      return {};
  }
}

async function answer(
  answers: TempoAnswers,
  { id, request }: Command & { readonly type: 'answer' },
): Promise<TempoAnswer> {
  const pace = new Pace(turns);
  paces.set(id, pace);
  try {
    const answered = await answers.answer(request, pace);
    return { ...answered, body: ownBytes(answered.body) };
  } finally {
    paces.delete(id);
  }
}

/**
 * Bytes that nobody else has a part of, in memory that can change hands: what Node pools, or the database lends, cannot,
 * and a Buffer's slice() is no copy.
 */
function ownBytes(body: string | Uint8Array): Uint8Array {
  return typeof body === 'string' ? utf8.encode(body) : new Uint8Array(body);
}

/** Between the steps other messages have their turn. */
async function retain({ retention, appender }: Opened, limits: WorkerOptions, now: number): Promise<void> {
  while (retention.step(now)) await new Promise((resolve) => setImmediate(resolve));
  appender.forgetTags(now);
  trimStore(limits, now);
}

start();
