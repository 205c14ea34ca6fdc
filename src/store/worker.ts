import type { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { lowerOwnPriority } from '../low-priority.ts';
import { MalformedError } from '../wire/reader.ts';
import { TempoAnswers } from './answer.ts';
import { Appender } from './append.ts';
import { openDatabase } from './database.ts';
import type { Command, Outcome, Reply, WorkerOptions } from './messages.ts';
import { Retention } from './retain.ts';

/** The store's own thread: all of SQLite happens here, so that neither writes nor searches hold the gateway's loop. */
const port = parentPort!;
const reply = (message: Reply): void => port.postMessage(message);

function start(options: WorkerOptions): void {
  lowerOwnPriority();
  try {
    const db = openDatabase(options.directory);
    const retention = new Retention(db, options);
    const parts = { db, retention, appender: new Appender(db, options), answers: new TempoAnswers(db) };
    port.on('message', (command: Command) => void obey(parts, command));
    reply({ type: 'ready', storage: retention.stats() });
  } catch (error) {
    reply({ type: 'refused', message: (error as Error).message });
    port.close();
  }
}

interface Parts {
  readonly db: DatabaseSync;
  readonly retention: Retention;
  readonly appender: Appender;
  readonly answers: TempoAnswers;
}

async function obey(parts: Parts, command: Command): Promise<void> {
  const { id } = command;
  try {
    reply({ type: 'done', id, ...(await carryOut(parts, command)) });
    if (command.type === 'close') port.close();
  } catch (error) {
    reply({ type: 'failed', id, message: (error as Error).message, malformed: error instanceof MalformedError });
  }
}

async function carryOut({ db, retention, appender, answers }: Parts, command: Command): Promise<Outcome> {
  switch (command.type) {
    case 'append':
      appender.append(command.body, command.now);
      return { storage: retention.stats() };
    case 'retain':
      await retain(retention, command.now);
      appender.forgetTags(command.now);
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

start(workerData as WorkerOptions);
