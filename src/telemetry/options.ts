import * as v from 'valibot';
import { authOptions, isUnreachable, unreachable } from '../access/options.ts';
import { block, list, listenEndpoint, oneOf, serverTls, text } from '../options.ts';

/** `admin:`. */
const hostNames = text(/^[\w.*,\- ]*$/, 'a host name, such as tailgate.obs.svc, or "*" for any; several with commas');

export const adminOptions = v.pipe(
  block({
    endpoint: v.pipe(
      v.optional(listenEndpoint(), '127.0.0.1:8888'),
      v.description('metrics, health, status and the read API'),
    ),
    tls: v.optional(
      v.pipe(
        serverTls(),
        v.transform((tls) => ({ ...tls, block: 'admin.tls' })),
      ),
    ),
    auth: v.optional(authOptions('admin')),
    hosts: v.pipe(
      v.optional(list(hostNames), []),
      v.transform((lists) => lists.flatMap((names) => names.split(/[, ]+/).filter(Boolean))),
      v.description('names that lead here, beside localhost, the host name and every address; "*" = any name'),
    ),
  }),
  v.check((raw) => !isUnreachable(raw.auth, raw.tls), unreachable),
);

/** `log:`. */
export const logOptions = block({
  level: v.pipe(
    v.optional(oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'), 'info'),
    v.description('the least of what is logged, as JSON lines on stdout'),
  ),
});

export type AdminConfig = v.InferOutput<typeof adminOptions>;
export type LogConfig = v.InferOutput<typeof logOptions>;
