import { setTimeout as sleep } from 'node:timers/promises';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { parseDuration } from '../../traceql/duration.ts';
import { CommandError, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { Courier } from './courier.ts';
import { endingAt, generateTrace, type Profile, type Random, seeded } from './generate.ts';
import { Highlights } from './highlights.ts';
import { Outbox } from './outbox.ts';

interface Options {
  grpc: string;
  http: string;
  rate: number;
  duration?: number;
  seed: number;
  profile: Profile;
  once?: number;
}

/** `tailgate demo`: a small shop's traffic, sent to a gateway until stopped. Returns the exit code. */
export async function demo(argv: readonly string[], io: Io): Promise<number> {
  const command = demoCommand(io);
  try {
    command.parse([...argv], { from: 'user' });
    return await run(command.opts<Options>(), io);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exit.found : exit.usage;
    if (!(error instanceof CommandError)) throw error;
    io.stderr.write(`tailgate demo: ${error.message}\n`);
    return error.exitCode;
  }
}

function demoCommand(io: Io): Command {
  return new Command('tailgate demo')
    .description('Sends the traffic of a small shop to a gateway: logins, uploads, slow requests, errors deep inside.')
    .option('--grpc <host:port>', 'where Go services and Envoy send (OTLP/gRPC)', '127.0.0.1:4317')
    .option('--http <url>', 'where Node and Python services send (OTLP/HTTP)', httpBase, 'http://127.0.0.1:4318')
    .option('--rate <n>', 'traces a second', positive, 20)
    .option('--duration <time>', 'how long, e.g. 30s or 5m; left out: until Ctrl-C', durationMs)
    .option('--once <n>', 'sends this many traces at once, all of them ended already, and ends', positive)
    .option('--profile <name>', 'calm, or incident: bigger, slower traces and many errors', profile, 'calm')
    .option('--seed <n>', 'the same number makes the same traces', Number, Math.floor(Math.random() * 1e9))
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) });
}

async function run(options: Options, io: Io): Promise<number> {
  const courier = new Courier(options);
  try {
    await courier.knock();
    const random = seeded(options.seed);
    io.stderr.write(`profile ${options.profile}, seed ${options.seed}, to ${options.grpc} and ${options.http}\n`);
    const seen = options.once
      ? await sendOnce(options, random, courier, io)
      : await keepSending(options, random, courier, io);
    io.stderr.write(`${courier.summary()}\n`);
    io.stdout.write(seen.advice(io.now()));
    return courier.taken === 0 && courier.refused > 0 ? exit.failed : exit.found;
  } finally {
    await courier.close();
  }
}

async function sendOnce(options: Options, random: Random, courier: Courier, io: Io): Promise<Highlights> {
  const outbox = new Outbox(random);
  const seen = new Highlights();
  const now = io.now();
  for (let i = 0; i < options.once!; i++) {
    const spans = endingAt(generateTrace(random, now, options.profile), now);
    seen.notice(spans);
    outbox.add(spans, now);
  }
  courier.traces = options.once!;
  for (const batch of outbox.flush(now)) await courier.deliver(batch);
  return seen;
}

const tickMs = 100;
const reportEveryMs = 5000;

async function keepSending(options: Options, random: Random, courier: Courier, io: Io): Promise<Highlights> {
  const outbox = new Outbox(random);
  const seen = new Highlights();
  const start = io.now();
  const end = options.duration === undefined ? Number.POSITIVE_INFINITY : start + options.duration;
  let reportAt = start + reportEveryMs;
  for (let now = start; now < end && !io.signal?.aborted; now = io.now()) {
    const due = Math.floor(((now - start) / 1000) * options.rate) + 1;
    for (; courier.traces < due; courier.traces++) {
      const spans = generateTrace(random, now, options.profile);
      seen.notice(spans);
      outbox.add(spans, now);
    }
    for (const batch of outbox.take(now)) void courier.deliver(batch);
    if (now >= reportAt) {
      io.stderr.write(`${courier.summary()}\n`);
      reportAt += reportEveryMs;
    }
    await sleep(Math.min(tickMs, end - now), undefined, { signal: io.signal }).catch(() => {});
  }
  for (const batch of outbox.flush(io.now())) void courier.deliver(batch);
  await courier.settled();
  if (outbox.waiting > 0) io.stderr.write(`${outbox.waiting} spans had not ended and were left out\n`);
  return seen;
}

function positive(text: string): number {
  const number = Number(text);
  if (!(number > 0)) throw new InvalidArgumentError('A number above zero is wanted.');
  return number;
}

function durationMs(text: string): number {
  const ns = parseDuration(text);
  if (!ns) throw new InvalidArgumentError('A duration is wanted, e.g. 30s or 5m.');
  return ns / 1e6;
}

function profile(text: string): Profile {
  if (text !== 'calm' && text !== 'incident') throw new InvalidArgumentError('It is calm or incident.');
  return text;
}

/** `host:port` is enough. */
const httpBase = (text: string): string => (text.includes('://') ? text : `http://${text}`).replace(/\/+$/, '');
