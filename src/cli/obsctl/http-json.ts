import { request } from 'undici';
import { TlsError } from '../../tls-client/connect.ts';
import { CommandError, exit } from '../exit.ts';
import type { Connections } from './connections.ts';

/** Where something is asked, what it is called in messages, and how the user names another. */
export interface Place {
  /** Without credentials: it is printed. */
  readonly base: string;
  /** Headers that only this place gets: the credentials of its address. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly name: string;
  readonly flag: string;
}

/**
 * An answer that can be used: JSON of a 200, or one of the statuses that the caller asked for (`body` is text then).
 */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** In lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** What is wrong is this answer alone: another question may have a good one. */
export class AnswerFault extends CommandError {}

/** An answer that is no JSON. */
export interface BytesAnswer extends Omit<Answer, 'body'> {
  readonly body: Buffer;
}

/** What is sent with a question that is no GET. */
interface Sent {
  readonly body: string | Uint8Array;
  readonly type: string;
}

/** Asks for JSON. Everything that goes wrong becomes a CommandError that says what to do. */
export class JsonClient {
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutMs: number;
  readonly #interrupted: AbortSignal | undefined;
  readonly #connections: Connections;

  /** `interrupted` ends requests early: the user has had enough. */
  constructor(
    connections: Connections,
    headers: Readonly<Record<string, string>>,
    timeoutMs: number,
    interrupted?: AbortSignal,
  ) {
    this.#connections = connections;
    this.#headers = { accept: 'application/json', 'user-agent': 'obsctl', ...headers };
    this.#timeoutMs = timeoutMs;
    this.#interrupted = interrupted;
  }

  /** GETs `path` (with its query) below the place; `accepted` lists statuses that are answers too, not failures. */
  async get(
    place: Place,
    path: string,
    accepted: readonly number[] = [],
    timeoutMs = this.#timeoutMs,
  ): Promise<Answer> {
    return await this.#ask(place, path, accepted, timeoutMs);
  }

  /** POSTs `body` as JSON; otherwise as `get`. */
  async post(
    place: Place,
    path: string,
    body: unknown,
    accepted: readonly number[] = [],
    timeoutMs = this.#timeoutMs,
  ): Promise<Answer> {
    const sent = { body: JSON.stringify(body), type: 'application/json' };
    return await this.#ask(place, path, accepted, timeoutMs, sent);
  }

  /** GETs what is not JSON, of a type that is asked for; otherwise as `get`. */
  async getBytes(place: Place, path: string, accept: string, accepted: readonly number[] = []): Promise<BytesAnswer> {
    const answer = await this.#fetch(place, path, this.#timeoutMs, undefined, accept);
    if (answer.status !== 200 && !accepted.includes(answer.status))
      throw this.#refused(place, answer.status, answer.body.toString('utf8', 0, 4096));
    return answer;
  }

  /** POSTs bytes; otherwise as `getBytes`. */
  async postBytes(place: Place, path: string, sent: Sent, accepted: readonly number[] = []): Promise<BytesAnswer> {
    const answer = await this.#fetch(place, path, this.#timeoutMs, sent);
    if (answer.status !== 200 && !accepted.includes(answer.status))
      throw this.#refused(place, answer.status, answer.body.toString('utf8', 0, 4096));
    return answer;
  }

  async #ask(place: Place, path: string, accepted: readonly number[], timeoutMs: number, sent?: Sent): Promise<Answer> {
    const { status, body, headers } = await this.#fetch(place, path, timeoutMs, sent);
    const text = body.toString();
    if (accepted.includes(status)) return { status, headers, body: text };
    if (status !== 200) throw this.#refused(place, status, text);
    try {
      return { status, headers, body: JSON.parse(text) };
    } catch {
      throw new CommandError(
        `${place.base}${path.split('?')[0]} answered something that is not JSON: is this ${place.name}? Set ${place.flag}`,
      );
    }
  }

  async #fetch(place: Place, path: string, timeoutMs: number, sent?: Sent, accept?: string): Promise<BytesAnswer> {
    try {
      const timeout = AbortSignal.timeout(timeoutMs);
      const signal = this.#interrupted ? AbortSignal.any([timeout, this.#interrupted]) : timeout;
      const posted = sent === undefined ? {} : { 'content-type': sent.type };
      const headers = { ...place.headers, ...this.#headers, ...(accept && { accept }), ...posted };
      const how = { headers, dispatcher: this.#connections.agent, signal };
      const answer = await request(
        place.base + path,
        sent === undefined ? how : { ...how, method: 'POST', body: sent.body },
      );
      return { status: answer.statusCode, headers: answer.headers, body: await bounded(answer.body, place) };
    } catch (error) {
      if (error instanceof CommandError) throw error;
      if (this.#interrupted?.aborted) throw new CommandError('interrupted');
      throw unreachable(place, this.#connections.explained(error) as NodeJS.ErrnoException, timeoutMs);
    }
  }

  #refused(place: Place, status: number, text: string): CommandError {
    const sent = { ...place.headers, ...this.#headers } as Readonly<Record<string, string | undefined>>;
    const { authorization } = sent;
    if (status === 401 || status === 403) return notAllowed(place, status, saidIn(text, authorization), sent);
    const said = errorIn(text).split('\n')[0].slice(0, 300).trim();
    const message = `${place.base} answered HTTP ${status}${said && `: ${said}`}`;
    return new CommandError(message, status === 400 ? exit.usage : exit.failed);
  }

  async close(): Promise<void> {
    await this.#connections.agent.destroy();
  }
}

/** The longest answer that is read: a search of thousands of traces, or a trace of a hundred thousand spans. */
const maxAnswerBytes = 128 * 2 ** 20;

async function bounded(body: AsyncIterable<Uint8Array>, place: Place): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    if (bytes > maxAnswerBytes)
      throw new AnswerFault(`${place.base} answered more than ${maxAnswerBytes / 2 ** 20} MiB: ask for less`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

const reasons: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name server does not answer',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network unreachable',
  UND_ERR_CONNECT_TIMEOUT: 'no answer',
};

function unreachable(place: Place, error: NodeJS.ErrnoException, timeoutMs: number): CommandError {
  if (error.name === 'TimeoutError')
    return new CommandError(`${place.base} did not answer within ${timeoutMs / 1000}s: --timeout allows more`);
  if (error instanceof TlsError) return new CommandError(`cannot reach ${place.base}: ${error.message}`);
  const reason = reasons[error.code ?? ''] ?? error.message;
  return new CommandError(`cannot reach ${place.base} (${reason}): is ${place.name} running? Set ${place.flag}`);
}

function notAllowed(
  place: Place,
  status: 401 | 403,
  said: string,
  { authorization, 'x-scope-orgid': tenant }: Readonly<Record<string, string | undefined>>,
): CommandError {
  const answered = `(HTTP ${status}${said && `: ${said}`})`;
  const how = '--token-file or OBSCTL_TOKEN_FILE';
  const another = tenant === undefined ? '' : 'ask for another by --org-id or OBSCTL_ORG_ID, or ';
  const message =
    status === 403
      ? `${place.base} does not allow this ${answered}: ${another}give a token that may, by ${how}`
      : authorization === undefined
        ? `${place.base} wants to know who asks ${answered}: give a token by ${how}, a tenant by --org-id`
        : `${place.base} does not take these credentials ${answered}: is the token retired? Give another by ${how}`;
  return new CommandError(message, exit.notAllowed);
}

/** The reason that an answer gives; whoever repeats our credentials in it is not repeated. */
function saidIn(text: string, authorization = ''): string {
  const line = errorIn(text).split('\n')[0];
  const [, secret = ''] = authorization.split(' ', 2);
  return (secret === '' ? line : line.replaceAll(secret, '…')).slice(0, 200).trim();
}

/** The gateway's errors are `{ "error": "…" }`, Tempo's are text. */
function errorIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { readonly error?: unknown };
    return typeof error === 'string' ? error : text;
  } catch {
    return text;
  }
}
