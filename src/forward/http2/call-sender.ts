import { preface } from '../../receive/http2/frame-scanner.ts';
import { FrameWriter } from '../../receive/http2/frame-writer.ts';
import { defaultWindow, Flag, maxFrameBytes } from '../../receive/http2/protocol.ts';
import type { ClientCall } from './client-call.ts';

/** Bytes for the server, one after the other, to be left alone until `written` is called. */
export type Send = (pieces: readonly Uint8Array[], written: () => void) => void;

/** What leaves on a client's connection: frames, and messages from where they lie, as far as the server's windows permit. */
export class CallSender {
  readonly writer = new FrameWriter();
  /** Bytes of DATA that may still be sent on the connection. */
  window = defaultWindow;
  /** Calls whose answer is there, and whose message is still being written. */
  readonly unwritten = new Set<ClientCall>();
  readonly #send: Send;
  /** What leaves with the next `flush`, and whose messages it is of. */
  #out: Uint8Array[] = [preface];
  #outOf: ClientCall[] = [];

  constructor(send: Send) {
    this.#send = send;
  }

  /** Sends of its message as much as the windows permit. */
  pump(call: ClientCall): void {
    let isSending = false;
    while (call.leftBytes > 0) {
      const bytes = Math.min(call.leftBytes, maxFrameBytes, call.sendWindow, this.window);
      if (bytes <= 0) break;
      this.writer.dataHead(call.id, bytes, bytes === call.leftBytes ? Flag.END_STREAM : 0);
      this.#out.push(this.writer.take() as Buffer);
      call.next(bytes, this.#out);
      call.sendWindow -= bytes;
      this.window -= bytes;
      isSending = true;
    }
    if (!isSending) return;
    call.writing();
    this.#outOf.push(call);
  }

  /** Its answer is whole, and is told when nobody reads the message's bytes any more. */
  end(call: ClientCall): void {
    call.end();
    if (!call.isTold) this.unwritten.add(call);
  }

  flush(): void {
    const frames = this.writer.take();
    if (frames !== undefined) this.#out.push(frames);
    if (this.#out.length === 0) return;
    const calls = this.#outOf;
    this.#send(this.#out, () => {
      for (const call of calls) {
        call.written();
        if (call.isTold) this.unwritten.delete(call);
      }
    });
    this.#out = [];
    this.#outOf = [];
  }
}
