import type { ServerHttp2Stream } from 'node:http2';
import { Refusal } from '../../errors.ts';
import { MalformedError } from '../../wire/reader.ts';
import { answerOk, answerRefusal, answerStatus, endOk, frame, startMessages } from './answer.ts';
import { FrameReader } from './frame-reader.ts';
import { encodeHealth, healthOf, readHealthRequest, ServingStatus } from './health.ts';
import { reflect } from './reflection.ts';
import { healthCheckPath, healthWatchPath, reflectionPaths } from './services.ts';

const NOT_FOUND = 5;
const silentMs = 60_000;

/** A client that wants to hear of every change of a service's health. */
interface Watcher {
  readonly service: string;
  told: number;
}

/** The small services beside Export: health and reflection. Their messages are tiny, so they are simply collected. */
export class SideCalls {
  readonly #serving: () => boolean;
  readonly #watchers = new Map<ServerHttp2Stream, Watcher>();
  readonly #reflections = new Set<ServerHttp2Stream>();

  constructor(serving: () => boolean) {
    this.#serving = serving;
  }

  /** Takes the call if its method is one of ours. */
  open(path: string, stream: ServerHttp2Stream): boolean {
    if (path === healthCheckPath) this.#read(stream, (request) => this.#check(stream, request));
    else if (path === healthWatchPath) this.#read(stream, (request) => this.#watch(stream, request));
    else if (reflectionPaths.includes(path)) this.#reflect(stream);
    else return false;
    return true;
  }

  /** Tells the watchers what changed since the last sweep. */
  sweep(): void {
    for (const [stream, watcher] of this.#watchers) this.#tell(stream, watcher);
  }

  /** Ends the calls that would go on for ever: the last thing they hear is the present status. */
  close(): void {
    this.sweep();
    for (const stream of [...this.#watchers.keys(), ...this.#reflections]) finish(stream);
    this.#watchers.clear();
  }

  #check(stream: ServerHttp2Stream, request: Uint8Array): void {
    const service = readHealthRequest(request);
    const status = healthOf(service, this.#serving());
    if (status === ServingStatus.SERVICE_UNKNOWN) answerStatus(stream, NOT_FOUND, `unknown service ${service}`);
    else answerOk(stream, frame(encodeHealth(status)));
  }

  #watch(stream: ServerHttp2Stream, request: Uint8Array): void {
    if (this.#watchers.has(stream)) return;
    const watcher = { service: readHealthRequest(request), told: 0 };
    startMessages(stream);
    stream.setTimeout(0);
    this.#watchers.set(stream, watcher);
    stream.on('close', () => this.#watchers.delete(stream));
    this.#tell(stream, watcher);
  }

  #tell(stream: ServerHttp2Stream, watcher: Watcher): void {
    const status = healthOf(watcher.service, this.#serving());
    if (status === watcher.told || stream.destroyed) return;
    watcher.told = status;
    stream.write(frame(encodeHealth(status)));
  }

  #reflect(stream: ServerHttp2Stream): void {
    this.#reflections.add(stream);
    stream.on('close', () => this.#reflections.delete(stream));
    this.#read(stream, (request) => {
      if (!stream.headersSent) startMessages(stream);
      stream.write(frame(reflect(request)));
    });
    stream.on('end', () => finish(stream));
  }

  /** Calls `onMessage` for each message of the stream; whatever is wrong with one ends the call. */
  #read(stream: ServerHttp2Stream, onMessage: (request: Uint8Array) => void): void {
    const frames = new FrameReader();
    stream.setTimeout(silentMs, () => stream.close());
    stream.on('data', (chunk: Buffer) => {
      try {
        for (const message of frames.push(chunk)) onMessage(message);
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error;
        refuse(stream, error.message);
      }
    });
    stream.on('end', () => {
      if (!stream.headersSent) refuse(stream, 'a call without a message');
    });
  }
}

function finish(stream: ServerHttp2Stream): void {
  if (stream.headersSent && !stream.writableEnded) endOk(stream);
}

function refuse(stream: ServerHttp2Stream, message: string): void {
  if (stream.headersSent) stream.close();
  else answerRefusal(stream, new Refusal('malformed', message));
}
