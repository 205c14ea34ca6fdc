import type { Headers } from '../receive/http2/header-decoder.ts';
import { mostVisits, type Position, type Way } from '../route/fleet-path.ts';

/** As it goes along with a call: `tailgate-path`, `tailgate-at` and, where there are tenants, `tailgate-tenant`. */
export function metadataOf({ visited, at }: Way, tenant: string): Record<string, string> {
  return {
    'tailgate-path': visited.map(encodeURIComponent).join(','),
    ...(at !== undefined && { 'tailgate-at': `${at.generation}.${at.epoch}${at.isLast ? '.last' : ''}` }),
    ...(tenant !== '' && { 'tailgate-tenant': tenant }),
  };
}

/** How a request came; undefined where it says nonsense. */
export function wayIn(headers: Headers): Way | undefined {
  const visited = visitedIn(headers['tailgate-path']);
  const at = headers['tailgate-at'];
  if (visited === undefined) return undefined;
  if (at === undefined) return { visited, at };
  const position = positionIn(at);
  return position && { visited, at: position };
}

function visitedIn(path = ''): Way['visited'] | undefined {
  const names = path.split(',');
  if (path === '' || names.length > mostVisits) return undefined;
  try {
    return names.map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

function positionIn(text: string): Position | undefined {
  const [, generation, epoch, last] = /^(\d{1,15})\.([\da-f]{8})(\.last)?$/.exec(text) ?? [];
  return generation === undefined ? undefined : { generation: Number(generation), epoch, isLast: last !== undefined };
}
