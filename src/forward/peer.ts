import { systemClock } from '../clock.ts';
import { Code, describe } from '../export/answer.ts';
import type { Reply } from '../export/grpc/call.ts';
import { ConnectionsTo } from '../export/grpc/connections.ts';
import { requestHeaders } from '../export/grpc/headers.ts';
import { judgeReply } from '../export/grpc/judge.ts';
import type { Security } from '../export/security.ts';
import { inTime, late } from '../in-time.ts';
import { encodeHeaders } from '../receive/http2/encode-headers.ts';
import { type MemberConnection, openMember } from './http2/member-connection.ts';

/** What became of a message to a member. */
export type Sent =
  | { readonly kind: 'taken'; readonly rejectedSpans: number; readonly message: string }
  /** It has not taken it, and says so; worth another try, not before `waitMs`. */
  | { readonly kind: 'refused'; readonly waitMs: number; readonly message: string }
  /** It never takes this: too large, or something in it. */
  | { readonly kind: 'rejected'; readonly message: string }
  /** It takes nothing from here as things are: a credential or certificate is wrong, or the address. */
  | { readonly kind: 'denied'; readonly message: string }
  /** It was not sent. */
  | { readonly kind: 'unreachable'; readonly message: string }
  /** It was sent, and nobody knows what became of it: the connection broke, or, where it is silent, time passed. */
  | { readonly kind: 'uncertain'; readonly message: string; readonly isSilent: boolean };

interface PeerOptions {
  /** `host:port`. */
  readonly address: string;
  /** Where members speak TLS. */
  readonly security: Security | null;
  /** Sent with each call, such as `authorization`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of one call. */
  readonly timeoutMs: number;
}

/** Nobody listens there; whatever else goes wrong may be a member that has too much to do. */
const notThere = /ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|closed the connection|not an address/;

type Metadata = Readonly<Record<string, string>>;

/** For what was cancelled to be told so. */
const lingerMs = 1_000;

/** One member, as this thread reaches it: a connection to each of its addresses, which come back by themselves. */
export class Peer {
  readonly address: string;
  /** undefined: the address is none, as registries may have. */
  readonly #connections: ConnectionsTo<MemberConnection> | undefined;
  readonly #headers: Record<string, string>;
  readonly #timeoutMs: number;
  /** When it answered last; one that answers others is slow with a call, not silent. */
  #heardAt = Number.NEGATIVE_INFINITY;
  /** The headers of calls, encoded, by their metadata: those that go the same way have the same. */
  readonly #encoded = new WeakMap<Metadata, { readonly withinMs: number; readonly block: Uint8Array }>();

  constructor({ address, security, headers, timeoutMs }: PeerOptions) {
    this.address = address;
    this.#timeoutMs = timeoutMs;
    const url = `${security === null ? 'http' : 'https'}://${address}`;
    if (!URL.canParse(url)) {
      this.#headers = {};
      return;
    }
    const endpoint = new URL(url);
    this.#headers = requestHeaders(endpoint, headers, timeoutMs);
    const route = { endpoint, proxy: null, security, timeoutMs };
    this.#connections = new ConnectionsTo(route, systemClock.monotonicMs, openMember);
  }

  /**
   * An OTLP request, the bytes of `pieces` one after the other; they are lent until the answer, and beyond it where that
   * is not `taken`. Always answers, in `withinMs` at most, which is a whole number.
   */
  async send(pieces: readonly Uint8Array[], metadata: Metadata, withinMs = this.#timeoutMs): Promise<Sent> {
    if (!Number.isInteger(withinMs)) throw new RangeError(`${withinMs} ms are no whole number`);
    try {
      const { reply, isSilent } = await this.#call(this.#headersFor(metadata, withinMs), pieces, withinMs);
      return judged(reply, isSilent);
    } catch (error) {
      return { kind: 'unreachable', message: describe(error) };
    }
  }

  /** Another method's request; what came back, or why nothing did. */
  async ask(path: string, bytes: Uint8Array): Promise<Uint8Array | 'silent' | 'unreachable'> {
    const headers = encodeHeaders({ ...this.#headers, ':path': path });
    try {
      const { reply } = await this.#call(headers, [bytes], this.#timeoutMs);
      return reply.trailers?.['grpc-status'] === '0' && reply.body.length >= 5 ? reply.body.subarray(5) : 'silent';
    } catch (error) {
      return notThere.test(describe(error)) ? 'unreachable' : 'silent';
    }
  }

  async #call(headers: Uint8Array, pieces: readonly Uint8Array[], withinMs: number) {
    if (this.#connections === undefined) throw new Error(`${this.address} is not an address`);
    const untilMs = systemClock.monotonicMs() + withinMs;
    // A name server, or a handshake, may take longer than the call has.
    const connection = this.#connections.atHand ?? (await inTime(this.#connections.take(), withinMs, { ref: false }));
    const leftMs = Math.floor(untilMs - systemClock.monotonicMs());
    if (connection === late || leftMs < 0) throw new Error(`no connection to it within ${withinMs} ms`);
    // It went away with its first words; on one that it leaves later, what it has not looked at may go again at once.
    if (connection.closed) throw new Error('it takes no calls');
    const { reply, isLate } = await connection.call(headers, pieces, leftMs);
    const now = systemClock.monotonicMs();
    if (statusOf(reply) !== undefined) this.#heardAt = now;
    const isSilent = isLate && now - this.#heardAt >= withinMs / 2;
    // A member that vanished without a word would hold up every call until the kernel notices.
    if (isSilent) this.#connections.retire(connection);
    return { reply, isSilent };
  }

  #headersFor(metadata: Metadata, withinMs: number): Uint8Array {
    const known = this.#encoded.get(metadata);
    if (known?.withinMs === withinMs) return known.block;
    const block = encodeHeaders({ ...this.#headers, ...metadata, 'grpc-timeout': `${withinMs}m` });
    this.#encoded.set(metadata, { withinMs, block });
    return block;
  }

  close(): void {
    this.#connections?.close(lingerMs);
  }
}

const statusOf = ({ trailers, head }: Reply) => trailers?.['grpc-status'] ?? head?.['grpc-status'];

function judged(reply: Reply, isSilent: boolean): Sent {
  // It waited for a stream, and nothing else came from there: whoever comes after it is asked.
  if (reply.isUnprocessed && isSilent) return { kind: 'unreachable', message: reply.error };
  if (reply.isUnprocessed) return { kind: 'refused', waitMs: 0, message: reply.error };
  const status = statusOf(reply);
  const answer = judgeReply(reply);
  if (answer.kind === 'accepted') return { ...answer, kind: 'taken' };
  // A deadline that the member itself saw pass says nothing of what it took before.
  if (status === undefined || Number(status) === Code.DEADLINE_EXCEEDED)
    return { kind: 'uncertain', message: answer.message, isSilent };
  if (answer.kind === 'retryable') return { kind: 'refused', waitMs: answer.waitMs, message: answer.message };
  const isOfMessage = answer.kind === 'too_large' || answer.kind === 'refused';
  return { kind: isOfMessage ? 'rejected' : 'denied', message: answer.message };
}
