import { nameThePod } from '../enrich/pod-name.ts';
import { Refusal } from '../errors.ts';
import type { Answer, Intake, Message } from '../model/intake.ts';
import type { Source } from '../model/outcome.ts';
import type { Access, RequestHead } from './access.ts';
import { messageOf } from './message.ts';

/** Of an address what names its pod, as a field of a Resource message; undefined where it is no pod's. */
type NameOf = (address: string) => Uint8Array | undefined;

/**
 * Whose connection it is says of which pod its resources are that do not say it themselves: the address as the system has
 * it, and no header's word. One look-up a request; where the address is no pod's, nothing else.
 */
export class PodAccess implements Access {
  readonly #next: Access;
  readonly #nameOf: NameOf;

  constructor(next: Access, nameOf: NameOf) {
    this.#next = next;
    this.#nameOf = nameOf;
  }

  get tenantHeader(): string | undefined {
    return this.#next.tenantHeader;
  }

  admit(head: RequestHead, headers?: Parameters<Access['admit']>[1]): Intake | Refusal {
    const intake = this.#next.admit(head, headers);
    if (intake instanceof Refusal) return intake;
    const name = this.#nameOf(head.peer.address);
    return name === undefined ? intake : new PodIntake(intake, name);
  }

  refuses(head: RequestHead): Refusal | undefined {
    return this.#next.refuses(head);
  }
}

/** A request of a pod on its way. */
class PodIntake implements Intake {
  readonly #intake: Intake;
  readonly #name: Uint8Array;

  constructor(intake: Intake, name: Uint8Array) {
    this.#intake = intake;
    this.#name = name;
  }

  get tenant(): string {
    return this.#intake.tenant ?? '';
  }

  get overload(): string {
    return this.#intake.overload ?? '';
  }

  refuses(length: number): Refusal | undefined {
    return this.#intake.refuses(length);
  }

  charge(bytes: number): void {
    this.#intake.charge?.(bytes);
  }

  accept(message: Message, source: Source): Answer {
    return this.#intake.accept(this.#named(message), source);
  }

  acceptInSteps(message: Message, source: Source, isGone: () => boolean): Generator<undefined, Answer> {
    return this.#intake.acceptInSteps(this.#named(message), source, isGone);
  }

  /** Of a copy, since a message may lie in many pieces; it is written to its place from there. */
  #named(message: Message): Message {
    const bytes = new Uint8Array(message.length);
    message.copyTo(bytes, 0);
    const pieces = nameThePod(bytes, bytes.length, this.#name);
    return messageOf(pieces ?? [bytes]);
  }
}
