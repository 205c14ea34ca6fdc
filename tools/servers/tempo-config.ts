import { readFileSync } from 'node:fs';

const shipped = new URL('../../deploy/tempo/tempo.yaml', import.meta.url);
const ofTempo2 = new URL('conf/tempo-2.yaml', import.meta.url);
const boundary = '\n# --- What Tempo 3 alone has';

/**
 * deploy/tempo/tempo.yaml for Tempo 2.8, the newest that can be built from its Go module: all that both versions have as
 * it is shipped, and 2.8's sections in place of those that Tempo 3 alone has.
 */
export function tempo2Config(): string {
  const [common, ofTempo3] = readFileSync(shipped, 'utf8').split(boundary);
  if (common === undefined || ofTempo3 === undefined)
    throw new Error(`${shipped.pathname} has no line "${boundary.trim()}"`);
  return `${common}\n\n${readFileSync(ofTempo2, 'utf8')}`;
}
