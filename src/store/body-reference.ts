/** Where a body lies, and what it must be. */
export interface Reference {
  /** Of the file (body-files.ts). */
  readonly number: number;
  /** Of the block that it is in (body-block.ts), or, of format 2, of itself. */
  readonly start: number;
  readonly bytes: number;
  /** The CRC-32 of the body. */
  readonly crc: number;
  /** Where it begins among the bytes of its block; undefined where there is no block. */
  readonly at: number | undefined;
}

/**
 * As rows have it: u8 1 | u32 number | u32 start | u32 bytes | u32 crc | u32 at, big-endian; of format 2 u8 0, no `at`.
 * Rows of format 1 have the body itself there, which begins with a tag, and no tag is 0 or 1.
 */
export const referenceBytes = 21;
const referenceBytesBefore = 17;
/** How long a reference may be, for SQL. */
export const lengthsOfReferences = `${referenceBytes}, ${referenceBytesBefore}`;

export const isReference = (body: Uint8Array): boolean =>
  (body.length === referenceBytes && body[0] === 1) || (body.length === referenceBytesBefore && body[0] === 0);

/** What the references to one file begin with; those to later ones begin with more. */
export const fileOf = (reference: Uint8Array): Uint8Array => reference.subarray(0, 5);

/** Into `to`, of `referenceBytes`. */
export function writeReference({ number, start, bytes, crc, at = 0 }: Reference, to: Uint8Array): void {
  const view = new DataView(to.buffer, to.byteOffset, referenceBytes);
  view.setUint8(0, 1);
  view.setUint32(1, number);
  view.setUint32(5, start);
  view.setUint32(9, bytes);
  view.setUint32(13, crc);
  view.setUint32(17, at);
}

export function readReference(from: Uint8Array): Reference {
  const view = new DataView(from.buffer, from.byteOffset, from.length);
  return {
    number: view.getUint32(1),
    start: view.getUint32(5),
    bytes: view.getUint32(9),
    crc: view.getUint32(13),
    at: from[0] === 1 ? view.getUint32(17) : undefined,
  };
}

/** Where its file ends at the earliest; how long a block is, only the file says. */
export const leastEnd = ({ start, bytes, at }: Reference): number => (at === undefined ? start + bytes : start + 1);
