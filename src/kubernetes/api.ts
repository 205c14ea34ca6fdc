import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request as plain } from 'node:http';
import { request as secure } from 'node:https';
import { tlsError } from '../tls-client/connect.ts';
import { connectionOptions, readTlsClient, type TlsClient } from '../tls-client/files.ts';

/** What the API server answered instead of pods. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** An HTTP status, 410 also where a watch ends for want of its version. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface ApiAddress {
  readonly address: string;
  readonly tokenFile: string;
  readonly caFile: string;
}

/** Asks once; the answer's body is the caller's to read and to bound. Rejects with ApiError, or with why nobody answers. */
export type AskApi = (path: string, signal: AbortSignal) => Promise<IncomingMessage>;

const tlsNames = {
  ca: 'enrich.kubernetes.ca_file',
  certificate: 'a client certificate',
  serverName: 'enrich.kubernetes.address',
};
/** Of an error's text; what is beyond it is not read. */
const maxReasonBytes = 4096;

/**
 * The API server over a connection for each question: they are minutes apart. Token and authority are read each time,
 * since the kubelet exchanges the token every hour.
 */
export function apiAt({ address, tokenFile, caFile }: ApiAddress): AskApi {
  return async (path, signal) => {
    const url = new URL(path, address);
    const tls = url.protocol === 'https:' ? await readTlsClient({ caFile }) : undefined;
    const token = (await readFile(tokenFile, 'utf8')).trim();
    const answer = await answerOf(url, token, tls, signal);
    if (answer.statusCode === 200) return answer;
    const status = answer.statusCode ?? 0;
    throw new ApiError(status, `${status} ${hintOf(status)}${await reasonIn(answer)}`);
  };
}

function answerOf(url: URL, token: string, tls: TlsClient | undefined, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { accept: 'application/json', authorization: `Bearer ${token}`, 'user-agent': 'tailgate' };
    const how = { headers, signal, agent: false as const };
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const asking = tls ? secure(url, { ...how, ...connectionOptions(tls, host) }, resolve) : plain(url, how, resolve);
    asking.on('error', (error) => reject(tls ? tlsError(error, tls, tlsNames) : error));
    asking.end();
  });
}

const hintOf = (status: number): string =>
  status === 401
    ? 'the token is not taken: '
    : status === 403
      ? 'the ServiceAccount may not list and watch pods (a ClusterRole with both, helm: rbac.create): '
      : '';

/** `message` of a Status object (api-conventions), else the beginning of the text. */
async function reasonIn(answer: IncomingMessage): Promise<string> {
  let text = '';
  try {
    for await (const chunk of answer) {
      text += chunk;
      if (text.length > maxReasonBytes) break;
    }
    return String(JSON.parse(text).message ?? '').slice(0, 300);
  } catch {
    return text.slice(0, 300);
  }
}
