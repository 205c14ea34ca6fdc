import { openAccess } from '../../../src/receive/access.ts';
import { Admission } from '../../../src/receive/admission.ts';
import { chunks } from '../../../src/receive/chunks.ts';
import { ExportCall } from '../../../src/receive/grpc/export-call.ts';
import { FrameReader } from '../../../src/receive/grpc/frame-reader.ts';
import { ReadUnderWay } from '../../../src/receive/read-under-way.ts';
import { ReceiveStats } from '../../../src/receive/stats.ts';
import { Watch } from '../../../src/receive/watch.ts';
import { MalformedError } from '../../../src/wire/reader.ts';
import { frame as grpcFrame } from '../../receive/support/grpc-wire.ts';
import { greeted } from '../../receive/support/http2-peer.ts';
import { blockOf, data, END_STREAM, headers, request } from '../../receive/support/http2-wire.ts';
import { ParsingIntake } from '../../receive/support/intake.ts';
import { requestOf } from '../../receive/support/requests.ts';
import { changeBytes } from '../bytes.ts';
import { below, type Chance, pick, type Target, wordsOf } from '../target.ts';

const maxRequestBytes = 64 * 1024;
const block = blockOf({ ...request, 'content-type': 'application/grpc' });

/** One Export call whose DATA is the input, cut at places that its length chooses; and whether it says that it ends. */
function run(input: Buffer): string {
  const intake = new ParsingIntake();
  const errors: unknown[] = [];
  const limits = { maxRequestBytes, maxInflightBytes: 2 * maxRequestBytes, maxConnectionBytes: maxRequestBytes };
  const admission = new Admission(limits);
  const stats = new ReceiveStats();
  const ports = { access: openAccess(intake), admission, stats, onError: (error: unknown) => errors.push(error) };
  const watch = new Watch(undefined, 0);
  const read = new ReadUnderWay();
  const peer = greeted();
  let call: ExportCall | undefined;
  peer.onHead = ({ stream }) => {
    call = new ExportCall(stream, {}, { ports, watch, sender: { heldBytes: 0 }, read }, intake);
  };
  peer.send(headers(1, block));
  const piece = 1 + (input.length % 97) * (input.length % 5);
  // One read brings so many pieces; the next one overwrites it.
  const ofRead = piece * (1 + (input.length % 3));
  for (let from = 0; from < input.length; from += ofRead) {
    const bytes = Buffer.from(input.subarray(from, from + ofRead));
    for (let at = 0; at < bytes.length; at += piece) call?.data(bytes, at, Math.min(bytes.length, at + piece));
    read.over();
    bytes.fill(0xee);
  }
  if (input.length % 2 === 0) call?.end();
  else call?.close();
  peer.send(data(1, '', END_STREAM));
  call?.close();
  if (errors.length > 0) throw errors[0];
  if (chunks.heldBytes !== 0) throw new Error(`${chunks.heldBytes} bytes of chunks that nobody gave back`);
  if (admission.inflightBytes !== 0) throw new Error(`${admission.inflightBytes} bytes in flight after all is over`);
  if (watch.open !== 0) throw new Error('watched after all is over');
  const refused = Object.entries(stats.refused).filter(([, { requests }]) => requests > 0);
  if (intake.accepted.length + refused.length > 1) throw new Error('answered more than once');
  return `${intake.accepted.length} accepted, ${refused.map(([reason]) => reason).join()}; ${sideCall(input)}`;
}

/** The same as the DATA of a health check. */
function sideCall(input: Buffer): string {
  const reader = new FrameReader();
  try {
    let messages = 0;
    for (let at = 0; at < input.length; at += 7) reader.push(input.subarray(at, at + 7), () => messages++);
    return `${Math.min(2, messages)} messages`;
  } catch (error) {
    if (error instanceof MalformedError) return wordsOf(error);
    throw error;
  }
}

function change(parent: Buffer, chance: Chance): Buffer {
  if (chance() < 0.6) return changeBytes(parent, chance);
  const copy = Buffer.from(parent);
  if (copy.length >= 5)
    copy.writeUInt32BE(pick([0, 1, copy.length - 5, copy.length, 65_536, 2 ** 31, 2 ** 32 - 1], chance), 1);
  if (copy.length > 0 && chance() < 0.3) copy[0] = below(4, chance);
  return copy;
}

/** gRPC's framing, of an Export call and of a health check. */
export const grpcTarget: Target = {
  name: 'grpc',
  // Where an input comes byte by byte, each is a buffer of this target's own.
  budget: { cpuUs: 2_000, cpuUsPerByte: 1, memoryBytes: 4 * 2 ** 20, memoryBytesPerByte: 1_000 },
  maxBytes: 128 * 1024,
  seeds: () => [
    grpcFrame(requestOf(1)),
    grpcFrame(Buffer.alloc(0)),
    Buffer.concat([grpcFrame(requestOf(1)), grpcFrame(Buffer.alloc(3))]),
    grpcFrame(Buffer.from([0x0a, 0x00]), 1),
    Buffer.alloc(3),
  ],
  change,
  run,
};
