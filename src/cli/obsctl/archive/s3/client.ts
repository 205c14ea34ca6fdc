import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwsV4Signer } from 'aws4fetch';
import { request } from 'undici';
import { CommandError } from '../../../exit.ts';
import type { Io } from '../../../io.ts';
import { Connections } from '../../connections.ts';
import type { Content } from '../content.ts';
import type { S3Target } from './address.ts';

export interface S3Answer {
  readonly status: number;
  /** In lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

interface Asked {
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly content?: Content;
  /** Of the answer; a failure is read up to `maxErrorBytes`. */
  readonly maxBytes?: number;
}

const maxErrorBytes = 64 * 1024;
const emptySum = createHash('sha256').digest('hex');
/** Slower than this nobody uploads. */
const bytesPerMs = 256;
const attempts = 4;
const firstPauseMs = 250;

/**
 * Asks a bucket. Signature: AWS Signature Version 4, of the body too, so that what arrives is what was sent. Redirects are not followed: they would
 * take the credentials along. What passes (503 and the like) is tried again, with pauses.
 */
export class S3Client {
  readonly #target: S3Target;
  readonly #io: Io;
  readonly #timeoutMs: number;
  readonly #connections: Connections;

  constructor(target: S3Target, io: Io, timeoutMs: number) {
    this.#target = target;
    this.#io = io;
    this.#timeoutMs = timeoutMs;
    const files = target.caFile === undefined ? {} : { caFile: target.caFile };
    this.#connections = new Connections(files, timeoutMs, {
      ca: 'AWS_CA_BUNDLE',
      certificate: 'another --endpoint (client certificates are not for s3)',
      serverName: '--endpoint',
    });
  }

  /** Throws CommandError where there is no answer. `key` is the bucket itself where it is empty. */
  async ask(method: 'GET' | 'HEAD' | 'PUT', key: string, asked: Asked = {}): Promise<S3Answer> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#once(method, key, asked).catch((error: Error) => error);
      if (this.#io.signal?.aborted) throw new CommandError('interrupted');
      const passes = answer instanceof Error ? isBroken(answer) : passing.has(answer.status);
      if (!passes || attempt === attempts) {
        if (answer instanceof Error) throw this.#explained(answer);
        return answer;
      }
      await sleep(firstPauseMs * 2 ** (attempt - 1), undefined, { signal: this.#io.signal }).catch(() => {});
    }
  }

  async close(): Promise<void> {
    await this.#connections.agent.destroy();
  }

  async #once(method: 'GET' | 'HEAD' | 'PUT', key: string, asked: Asked): Promise<S3Answer> {
    const { query = {}, headers = {}, content, maxBytes = maxErrorBytes } = asked;
    const { base, region, credentials } = this.#target;
    const parameters = Object.entries(query).map((pair) => pair.map(encoded).join('='));
    const path = key.split('/').map(encoded).join('/');
    const url = `${base}/${path}${parameters.length > 0 ? `?${parameters.join('&')}` : ''}`;
    const signer = new AwsV4Signer({
      ...{ method, url, region, service: 's3', ...credentials },
      headers: { ...headers, 'x-amz-content-sha256': content?.sha256 ?? emptySum },
      datetime: new Date(this.#io.now()).toISOString().replace(/[:-]|\.\d{3}/g, ''),
    });
    const signed = Object.fromEntries((await signer.sign()).headers);
    const timeout = AbortSignal.timeout(this.#timeoutMs + Math.ceil((content?.bytes ?? maxBytes) / bytesPerMs));
    const answer = await request(url, {
      method,
      headers: { ...signed, 'user-agent': 'obsctl', ...(content && { 'content-length': String(content.bytes) }) },
      dispatcher: this.#connections.agent,
      // All of it may take as long as its size; that nothing comes at all may not.
      ...(!content && { headersTimeout: this.#timeoutMs, bodyTimeout: this.#timeoutMs }),
      signal: this.#io.signal ? AbortSignal.any([timeout, this.#io.signal]) : timeout,
      ...(content && { body: Readable.from(content.pieces()) }),
    });
    const body = await bounded(answer.body, answer.statusCode === 200 ? maxBytes : maxErrorBytes);
    return { status: answer.statusCode, headers: answer.headers, body };
  }

  #explained(error: Error): Error {
    if (error instanceof CommandError) return error;
    const { origin } = new URL(this.#target.base);
    const said = this.#connections.explained(error) as NodeJS.ErrnoException;
    if (said.name === 'TimeoutError' || idle.has(said.code ?? ''))
      return new CommandError(`${origin} did not answer in time: --timeout allows more`);
    return new CommandError(
      `cannot reach ${origin} (${said.message || said.code}): is the store there? Set --endpoint or AWS_ENDPOINT_URL_S3`,
    );
  }
}

const passing = new Set([409, 429, 500, 502, 503, 504]);
const idle = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);
const isBroken = ({ code }: NodeJS.ErrnoException): boolean => code === 'ECONNRESET' || code === 'UND_ERR_SOCKET';

/** All but the unreserved characters: others are signed in another spelling than they are sent in. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

async function bounded(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    if (bytes > maxBytes) throw new CommandError(`the store answered more than ${maxBytes} bytes: that is no archive`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
