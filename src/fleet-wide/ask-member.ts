import type { IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { askedBy, type Member } from '../model/member.ts';
import { Agent, request as httpRequest } from '../node-http.ts';
import { connectionOptions, type TlsClient } from '../tls-client/files.ts';

/** What one gateway asks another on its admin port. */
export interface Question {
  readonly method: 'GET' | 'POST';
  /** With its query. */
  readonly path: string;
  readonly accept?: string;
  /** JSON. */
  readonly body?: string;
  /** The headers that say whose traces it is about. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The longest that the answer may take. */
  readonly withinMs: number;
}

export interface MemberAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Asks a member; rejects with why there is no answer. */
export type AskMember = (member: Member, question: Question, over: AbortSignal) => Promise<MemberAnswer>;

interface ReachMembers {
  /** This gateway's name. */
  readonly self: string;
  /** Of a member's admin port; undefined where it cannot be reached. */
  readonly portOf: (name: string) => number | undefined;
  /** `Bearer …`, where members show each other a token. */
  readonly authorization: () => string | undefined;
  /** Where admin ports are for TLS. */
  readonly tls?: () => TlsClient;
}

/** An answer is held in memory; a trace may have some megabytes. */
const maxBodyBytes = 64 * 2 ** 20;
const mostSockets = 4;

/** Members are reached at the host of their address in the fleet. */
export function askMembers({ self, portOf, authorization, tls }: ReachMembers): AskMember {
  const plain = new Agent({ keepAlive: true, maxSockets: mostSockets });
  const secure = tls && new HttpsAgent({ keepAlive: true, maxSockets: mostSockets });
  return ({ name, address }, { method, path, accept, body, headers, withinMs }, over) => {
    const host = hostOf(address);
    const port = portOf(name);
    if (port === undefined) return Promise.reject(new Error('cannot be reached'));
    const token = authorization();
    const options = {
      host,
      port,
      method,
      path,
      signal: AbortSignal.any([over, AbortSignal.timeout(withinMs)]),
      headers: {
        ...headers,
        // Its names are the operator's business; this one leads to whoever is asked (own-host.ts).
        host: 'localhost',
        [askedBy]: self,
        ...(token !== undefined && { authorization: token }),
        ...(accept && { accept }),
        ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      },
    };
    return new Promise((resolve, reject) => {
      const sent =
        tls && secure
          ? httpsRequest({ ...options, agent: secure, ...connectionOptions(tls(), host) })
          : httpRequest({ ...options, agent: plain });
      sent.once('response', (response) => readAll(response).then(resolve, reject));
      sent.once('error', (error) => reject(over.aborted ? error : explained(error, withinMs)));
      sent.end(body);
    });
  };
}

const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');

function explained(error: Error, withinMs: number): Error {
  const { code } = error as NodeJS.ErrnoException;
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return new Error(`no answer within ${withinMs} ms`);
  return new Error(code === 'ECONNREFUSED' ? 'nobody listens there' : error.message);
}

async function readAll(response: IncomingMessage): Promise<MemberAnswer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > maxBodyBytes) {
      response.destroy();
      throw new Error(`an answer of more than ${maxBodyBytes} bytes`);
    }
    pieces.push(piece);
  }
  const headers = Object.entries(response.headers).filter(([name]) => isPassedOn(name));
  return {
    status: response.statusCode ?? 0,
    headers: Object.fromEntries(headers.map(([name, value]) => [name, String(value)])),
    body: Buffer.concat(pieces),
  };
}

const isPassedOn = (name: string): boolean => name === 'content-type' || name.startsWith('x-tailgate-');
