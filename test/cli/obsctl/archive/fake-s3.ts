import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface StoredObject {
  readonly body: Buffer;
  readonly headers: IncomingMessage['headers'];
}

export const accessKeyId = 'AKIDEXAMPLE';
export const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';

/**
 * A bucket that takes what is signed as Amazon's documents have it ("Authenticating Requests: Using the Authorization
 * Header"), told from what came over the wire, and refuses everything else.
 */
export class FakeS3 {
  readonly objects = new Map<string, StoredObject>();
  readonly asked: string[] = [];
  /** As many objects in one answer of a list. */
  pageSize = 1000;
  knowsConditions = true;
  knowsTags = true;
  locks = false;
  /** False: `?retention` is read over, as if the object itself were meant. */
  knowsRetention = true;
  /** Whoever asks may write, and not look. */
  isWriteOnly = false;
  /** Whoever asks may not look whether something is locked. */
  hidesLocks = false;
  /** Called before each answer; true where it answered. */
  before: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get env() {
    return {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_ENDPOINT_URL_S3: this.url,
      AWS_REGION: 'eu-central-1',
    };
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    const [path, query = ''] = request.url!.split('?');
    this.asked.push(
      `${request.method} ${decodeURIComponent(path)}${query === '' ? '' : `?${decodeURIComponent(query)}`}`,
    );
    if (this.before(request, response)) return undefined;
    if (!isSigned(request, body)) return refuse(response, 403, 'SignatureDoesNotMatch');
    const [, bucket, ...steps] = path.split('/').map(decodeURIComponent);
    if (bucket !== 'incidents') return refuse(response, 404, 'NoSuchBucket');
    return this.#answer(request, response, { key: steps.join('/'), query: new URLSearchParams(query), body });
  }

  #answer(
    { method, headers }: IncomingMessage,
    response: ServerResponse,
    { key, query, body }: { key: string; query: URLSearchParams; body: Buffer },
  ): unknown {
    const object = this.objects.get(key);
    const isRetention = query.has('retention') && this.knowsRetention;
    if (method === 'PUT' && isRetention) return this.#retain(object, body, response);
    if (method === 'PUT') {
      if (headers['x-amz-tagging'] !== undefined && !this.knowsTags) return refuse(response, 501, 'NotImplemented');
      if (headers['if-none-match'] === '*' && !this.knowsConditions) return refuse(response, 501, 'NotImplemented');
      if (headers['if-none-match'] === '*' && object) return refuse(response, 412, 'PreconditionFailed');
      this.objects.set(key, { body, headers });
      return response.end();
    }
    if (this.isWriteOnly) return refuse(response, 403, 'AccessDenied');
    if (key === '') return this.#list(query, response);
    if (object === undefined) return refuse(response, 404, 'NoSuchKey');
    if (isRetention) {
      if (this.hidesLocks) return refuse(response, 403, 'AccessDenied');
      if (!this.locks) return refuse(response, 400, 'InvalidRequest');
      const { 'x-amz-object-lock-mode': mode, 'x-amz-object-lock-retain-until-date': until } = object.headers;
      return response.end(`<Retention><Mode>${mode}</Mode><RetainUntilDate>${until}</RetainUntilDate></Retention>`);
    }
    response.setHeader('content-length', object.body.length);
    return response.end(method === 'HEAD' ? undefined : object.body);
  }

  #retain(object: StoredObject | undefined, body: Buffer, response: ServerResponse): unknown {
    if (!this.locks || object === undefined) return refuse(response, 400, 'InvalidRequest');
    object.headers['x-amz-object-lock-mode'] = /<Mode>(.*?)</.exec(body.toString())![1];
    object.headers['x-amz-object-lock-retain-until-date'] = /<RetainUntilDate>(.*?)</.exec(body.toString())![1];
    return response.end();
  }

  #list(query: URLSearchParams, response: ServerResponse): unknown {
    const after = query.get('continuation-token') ?? '';
    const keys = [...this.objects.keys()]
      .filter((key) => key.startsWith(query.get('prefix') ?? '') && key > after)
      .sort();
    const page = keys.slice(0, this.pageSize);
    const contents = page.map((key) => `<Contents><Key>${key.replaceAll('&', '&amp;')}</Key></Contents>`).join('');
    const isTruncated = page.length < keys.length;
    return response.end(
      `<ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${contents}${isTruncated ? `<NextContinuationToken>${page.at(-1)!.replaceAll('&', '&amp;')}</NextContinuationToken>` : ''}</ListBucketResult>`,
    );
  }
}

export function refuse(response: ServerResponse, status: number, code: string, message = 'no'): ServerResponse {
  response.statusCode = status;
  return response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`);
}

const sum = (data: Buffer | string) => createHash('sha256').update(data).digest('hex');
const keyed = (key: Buffer | string, data: string) => createHmac('sha256', key).update(data).digest();

function isSigned({ method, url, headers }: IncomingMessage, body: Buffer): boolean {
  const form =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/;
  const [, key, day, region, names, signature] = form.exec(String(headers.authorization)) ?? [];
  if (key !== accessKeyId || headers['x-amz-content-sha256'] !== sum(body)) return false;
  const [path, query = ''] = url!.split('?');
  const canonical = [
    method,
    path,
    query.split('&').sort().join('&'),
    ...names.split(';').map((name) => `${name}:${String(headers[name]).trim()}`),
    '',
    names,
    headers['x-amz-content-sha256'],
  ].join('\n');
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], `${day}/${region}/s3/aws4_request`, sum(canonical)].join(
    '\n',
  );
  const signing = [day, region, 's3', 'aws4_request'].reduce<Buffer | string>(keyed, `AWS4${secretAccessKey}`);
  return keyed(signing, text).toString('hex') === signature;
}
