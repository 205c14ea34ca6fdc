import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../clock.ts';
import { lowerOwnPriority } from '../low-priority.ts';
import { MalformedError } from '../wire/reader.ts';
import { isDamage } from './damage.ts';
import { tryWriting } from './database.ts';
import type { Command, Outcome, Reply, WorkerOptions } from './messages.ts';
import { type Opened, openAnew, openStore, trimStore } from './opened.ts';
import type { Retention } from './retain.ts';

/** The store's own thread: all of SQLite happens here, so that neither writes nor searches hold the gateway's loop. */
const port = parentPort!;
const options = workerData as WorkerOptions;
const reply = (message: Reply): void => port.postMessage(message);
const tellSetAside = (message: string): void => reply({ type: 'set_aside', message });

let opened: Opened;

function start(): void {
  lowerOwnPriority();
  try {
    opened = openStore(options, systemClock.unixMs(), tellSetAside);
    port.on('message', (command: Command) => void obey(command));
    reply({ type: 'ready', storage: opened.retention.stats() });
  } catch (error) {
    reply({ type: 'refused', message: (error as Error).message });
    port.close();
  }
}

async function obey(command: Command): Promise<void> {
  const { id } = command;
  try {
    reply({ type: 'done', id, ...(await carryOut(command)) });
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
      return { answer: await answers.answer(command.request) };
    case 'close':
      db.close();
      return {};
  }
}

/** Between the steps other messages have their turn. */
async function retain(retention: Retention, now: number): Promise<void> {
  while (retention.step(now)) await new Promise((resolve) => setImmediate(resolve));
}

start();
