import type { z } from 'zod';
import { block, listenEndpoint, oneOf } from '../options.ts';

/** `admin:`. */
export const adminOptions = block({
  endpoint: listenEndpoint().prefault('127.0.0.1:8888').describe('metrics, health, status and the read API'),
});

/** `log:`. */
export const logOptions = block({
  level: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent')
    .prefault('info')
    .describe('the least of what is logged, as JSON lines on stdout'),
});

export type AdminConfig = z.output<typeof adminOptions>;
export type LogConfig = z.output<typeof logOptions>;
