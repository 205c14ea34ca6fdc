import {
  ConnectionError,
  defaultWindow,
  ErrorCode,
  Flag,
  FrameType,
  largestWindow,
  maxFrameBytes,
  Setting,
} from './protocol.ts';

const settingBytes = 6;
const largestFrame = 2 ** 24 - 1;

/**
 * What the peer said about itself. Source: RFC 9113, 6.5. Frames larger than the least and header tables are not used
 * here.
 */
export class PeerSettings {
  /** Of a new stream, for what we send. */
  initialWindow = defaultWindow;
  /** That it has at a time, of a server. */
  maxStreams = Number.POSITIVE_INFINITY;
  received = false;

  /** A connection begins with settings (RFC 9113, 3.4). Throws ConnectionError. */
  mustHaveCome(type: number, flags: number): void {
    if (this.received || (type === FrameType.SETTINGS && (flags & Flag.ACK) === 0)) return;
    throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'a connection that does not begin with SETTINGS');
  }

  /** Takes a SETTINGS frame; by how much the windows of all streams grew. Throws ConnectionError. */
  read(flags: number, bytes: Buffer, start: number, end: number): number {
    const isAck = (flags & Flag.ACK) !== 0;
    if ((isAck && end > start) || (end - start) % settingBytes !== 0)
      throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, `SETTINGS of ${end - start} bytes`);
    this.received = true;
    const before = this.initialWindow;
    for (let at = start; at < end; at += settingBytes) this.#set(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    return this.initialWindow - before;
  }

  #set(setting: number, value: number): void {
    if (setting === Setting.ENABLE_PUSH && value > 1) throw invalid(ErrorCode.PROTOCOL_ERROR, 'ENABLE_PUSH', value);
    if (setting === Setting.MAX_FRAME_SIZE && (value < maxFrameBytes || value > largestFrame))
      throw invalid(ErrorCode.PROTOCOL_ERROR, 'MAX_FRAME_SIZE', value);
    if (setting === Setting.MAX_CONCURRENT_STREAMS) this.maxStreams = value;
    if (setting !== Setting.INITIAL_WINDOW_SIZE) return;
    if (value > largestWindow) throw invalid(ErrorCode.FLOW_CONTROL_ERROR, 'INITIAL_WINDOW_SIZE', value);
    this.initialWindow = value;
  }
}

const invalid = (code: ErrorCode, name: string, value: number): ConnectionError =>
  new ConnectionError(code, `${name} ${value}`);
