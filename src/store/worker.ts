import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../clock.ts';
import { lowerOwnPriority } from '../low-priority.ts';
import { MalformedError } from '../wire/reader.ts';
import type { TempoAnswers } from './answer.ts';
import { isDamage } from './damage.ts';
import { tryWriting } from './database.ts';
import type { Abandon, Command, Outcome, Reply, TempoAnswer, WorkerOptions } from './messages.ts';
import { type Opened, openAnew, openStore, trimStore } from './opened.ts';
import { Pace, Turns } from './pace.ts';
import type { Retention } from './retain.ts';

/** The store's own thread: all of SQLite happens here, so that neither writes nor searches hold the gateway's loop. */
const port = parentPort!;
const options = workerData as WorkerOptions;
const reply = (message: Reply): void => port.postMessage(message);
const tellSetAside = (message: string): void => reply({ type: 'set_aside', message });

let opened: Opened;
const utf8 = new TextEncoder();
const turns = new Turns();
/** Of the questions under way, by their ids. */
const paces = new Map<number, Pace>();

function start(): void {
  lowerOwnPriority();
  try {
    opened = openStore(options, systemClock.unixMs(), tellSetAside);
    port.on('message', (message: Command | Abandon) => {
      if (message.type === 'abandon') abandon(message);
      else void obey(message);
    });
    reply({ type: 'ready', storage: opened.retention.stats() });
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

/** A damaged page may be found at any time; what is asked then is asked of the empty store that takes its place. */
async function carryOut(command: Command): Promise<Outcome> {
  const before = opened;
  try {
    return await carryOutOnce(command);
  } catch (error) {
    // Where somebody else found it before, what was asked failed because the database was closed.
    if (opened === before && !isDamage(error)) throw error;
    if (opened === before) replace(before, error as Error);
    return carryOutOnce(command);
  }
}

function replace({ db }: Opened, error: Error): void {
  db.close();
  opened = openAnew(options, systemClock.unixMs(), error, tellSetAside);
}

async function carryOutOnce(command: Command): Promise<Outcome> {
  const { db, retention, appender, answers } = opened;
  switch (command.type) {
    case 'append':
      appender.append(command.body, command.now);
      return { storage: retention.stats() };
    case 'retain':
      await retain(retention, command.now);
      appender.forgetTags(command.now);
      trimStore(options, command.now);
      return { storage: retention.stats() };
    case 'try_writing':
      tryWriting(db);
      return { storage: retention.stats() };
    case 'answer':
      return { answer: await answer(answers, command) };
    case 'close':
      db.close();
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
async function retain(retention: Retention, now: number): Promise<void> {
  while (retention.step(now)) await new Promise((resolve) => setImmediate(resolve));
}

start();
