import type { Target } from '../target.ts';
import { grpcTarget } from './grpc.ts';
import { hpackTarget } from './hpack.ts';
import { http1Target } from './http1.ts';
import { http2Target } from './http2.ts';
import { inflateTarget } from './inflate.ts';
import { jsonTarget } from './json.ts';
import { rulesTarget } from './rules.ts';
import { scanTarget } from './scan.ts';
import { storeTarget } from './store.ts';
import { traceqlTarget } from './traceql.ts';
import { tracestateTarget } from './tracestate.ts';

/** Everything that reads what strangers send. */
export const targets: readonly Target[] = [
  scanTarget,
  jsonTarget,
  inflateTarget,
  http2Target,
  hpackTarget,
  grpcTarget,
  http1Target,
  tracestateTarget,
  rulesTarget,
  traceqlTarget,
  storeTarget,
];

export function targetOf(name: string): Target {
  const target = targets.find((each) => each.name === name);
  if (target === undefined)
    throw new Error(`no target ${name}: there are ${targets.map((each) => each.name).join(', ')}`);
  return target;
}
