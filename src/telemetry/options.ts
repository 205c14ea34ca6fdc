import * as v from 'valibot';
import { block, listenEndpoint, oneOf } from '../options.ts';

/** `admin:`. */
export const adminOptions = block({
  endpoint: v.pipe(
    v.optional(listenEndpoint(), '127.0.0.1:8888'),
    v.description('metrics, health, status and the read API'),
  ),
});

/** `log:`. */
export const logOptions = block({
  level: v.pipe(
    v.optional(oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'), 'info'),
    v.description('the least of what is logged, as JSON lines on stdout'),
  ),
});

export type AdminConfig = v.InferOutput<typeof adminOptions>;
export type LogConfig = v.InferOutput<typeof logOptions>;
