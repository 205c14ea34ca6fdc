import { type Encoding, encodings } from './answer.ts';

const compressed = encodings.filter((encoding) => encoding !== 'none');

/**
 * What a grpc-accept-encoding names of ours: a list of names, in any case, with blanks or without (RFC 9110 §5.6.1);
 * undefined where nothing is said.
 */
export function messageEncodings(list: string): Encoding[] | undefined {
  const names = list.split(',').map((name) => name.trim().toLowerCase());
  return names.some((name) => name !== '') ? compressed.filter((encoding) => names.includes(encoding)) : undefined;
}

/**
 * What an Accept-Encoding takes of ours (RFC 9110 §12.5.3): names with weights, of which 0 means that it is not taken,
 * and `*` for all others. An empty one takes nothing that is compressed.
 */
export function contentCodings(list: string): Encoding[] {
  const weights = new Map(list.toLowerCase().split(',').map(weighed));
  return compressed.filter((encoding) => (weights.get(encoding) ?? weights.get('*') ?? 0) > 0);
}

function weighed(entry: string): [coding: string, weight: number] {
  const [, coding, weight = '1'] = /^\s*([^\s;]*)\s*(?:;\s*q\s*=\s*([\d.]+))?/.exec(entry)!;
  return [coding === 'x-gzip' ? 'gzip' : coding, Number(weight)];
}
