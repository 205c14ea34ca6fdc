/** Where a body lies, and what it must be. */
interface Reference {
  /** Of the file (body-files.ts). */
  readonly number: number;
  readonly start: number;
  readonly bytes: number;
  /** The CRC-32 of the body. */
  readonly crc: number;
}

/**
 * As rows have it: u8 0 | u32 number | u32 start | u32 bytes | u32 crc, big-endian. Rows of format 1 have the body itself
 * there, which begins with a tag, and no tag is 0.
 */
export const referenceBytes = 17;

export const isReference = (body: Uint8Array): boolean => body.length === referenceBytes && body[0] === 0;

/** What the references to one file begin with; those to later ones begin with more. */
export const fileOf = (reference: Uint8Array): Uint8Array => reference.subarray(0, 5);

export function writeReference({ number, start, bytes, crc }: Reference, to: Uint8Array): void {
  const view = new DataView(to.buffer, to.byteOffset, referenceBytes);
  view.setUint32(1, number);
  view.setUint32(5, start);
  view.setUint32(9, bytes);
  view.setUint32(13, crc);
}

export function readReference(from: Uint8Array): Reference {
  const view = new DataView(from.buffer, from.byteOffset, referenceBytes);
  return { number: view.getUint32(1), start: view.getUint32(5), bytes: view.getUint32(9), crc: view.getUint32(13) };
}
