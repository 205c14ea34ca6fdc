import { ConnectionError, ErrorCode, FrameType } from './protocol.ts';

const names = Object.keys(FrameType);
export const nameOf = (type: number): string => names[type];

/** Bytes of the frames that are always as long. */
const exactBytes: Readonly<Record<number, number>> = {
  [FrameType.PRIORITY]: 5,
  [FrameType.RST_STREAM]: 4,
  [FrameType.PING]: 8,
  [FrameType.WINDOW_UPDATE]: 4,
};
/** Last stream and code; words may follow. */
const leastGoAway = 8;
const ofTheConnection: readonly number[] = [FrameType.SETTINGS, FrameType.PING, FrameType.GOAWAY];
const ofAStream: readonly number[] = [FrameType.HEADERS, FrameType.PRIORITY, FrameType.RST_STREAM];

/** What can be wrong with a frame by itself, whatever came before it (RFC 9113, 6). Throws ConnectionError. */
export function mustBeAllowed(type: number, id: number, bytes: number): void {
  if (type === FrameType.PUSH_PROMISE) throw protocolError('PUSH_PROMISE, which nobody may send here');
  if (id === 0 ? ofAStream.includes(type) : ofTheConnection.includes(type))
    throw protocolError(`${nameOf(type)} on stream ${id}`);
  if (type === FrameType.HEADERS && id % 2 === 0) throw protocolError(`HEADERS on stream ${id}`);
  if ((exactBytes[type] ?? bytes) !== bytes || (type === FrameType.GOAWAY && bytes < leastGoAway))
    throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, `${nameOf(type)} of ${bytes} bytes`);
}

export const protocolError = (why: string): ConnectionError => new ConnectionError(ErrorCode.PROTOCOL_ERROR, why);
