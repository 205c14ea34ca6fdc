/** A way to the gateway. Throws when it cannot be reached. */
export interface Sender {
  /** Sends one serialized ExportTraceServiceRequest; '' when it was taken, else why not. */
  send(body: Uint8Array): Promise<string>;
  close(): Promise<void>;
}
