import * as v from 'valibot';
import { isTenantName } from '../../model/tenant.ts';
import { block, count, expected, mapOf, size, someOf } from '../../options.ts';

/** Each has a buffer, batches and books of its own in every shard. */
const mostTenants = 64;

/** They mean something else already, or no sender can set them. */
const taken =
  /^(authorization|connection|content-.*|cookie|expect|grpc-.*|host|keep-alive|origin|proxy-.*|te|trailer|transfer-encoding|upgrade|user-agent|.*-bin)$/;

const name = v.pipe(
  v.string(expected('a name')),
  v.check(isTenantName, expected("a name of at most 150 of A-Z a-z 0-9 ! - _ . * ' ( ), as Tempo has them")),
);

const header = v.pipe(
  v.string(expected('the name of a header')),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, expected('the name of a header, such as X-Scope-OrgID')),
  v.transform((it) => it.toLowerCase()),
  v.check((it) => !taken.test(it), expected('a header that means nothing else, such as X-Scope-OrgID')),
);

/** `receive.tenants:`. */
export const tenantsOptions = v.pipe(
  block({
    header: v.pipe(
      v.optional(header, 'X-Scope-OrgID'),
      v.description(
        "the header that names a request's tenant, in both protocols and on the admin port, and goes out with exports",
      ),
    ),
    allow: v.pipe(
      someOf(name),
      v.maxLength(mostTenants, ({ input }) => `${input.length} names: expected at most ${mostTenants}`),
      v.check((names) => new Set(names).size === names.length, 'a name twice: expected each once'),
      v.description('the tenants; requests of others are refused'),
    ),
    default: v.pipe(
      v.optional(name),
      v.description('whose a request without the header is, one of allow; not set: it is refused'),
    ),
  }),
  v.forward(
    v.check((raw) => raw.default === undefined || raw.allow.includes(raw.default), expectedDefault),
    ['default'],
  ),
  v.transform((raw) => ({
    header: raw.header,
    allow: raw.allow,
    ...(raw.default !== undefined && { defaultName: raw.default }),
  })),
);

function expectedDefault({ input }: { readonly input: unknown }): string {
  const { allow } = input as { readonly allow: readonly string[] };
  return `not one of receive.tenants.allow: expected one of ${allow.slice(0, 8).join(', ')}`;
}

const limits = block({
  share: v.pipe(
    v.optional(count(1, 1000), 1),
    v.description(
      'its part of buffer.max_bytes and of remembered decisions, in proportion to the other tenants’ shares',
    ),
  ),
  max_bytes_per_second: v.pipe(
    v.optional(size('1KiB', '64GiB')),
    v.description(
      'of its requests, uncompressed; above it, its senders alone are told to try again; not set: no limit',
    ),
  ),
});

/** `tenants:`, by name. */
export const tenantLimitsOptions = mapOf(
  v.pipe(
    limits,
    v.transform((raw) => ({ share: raw.share, maxBytesPerSecond: raw.max_bytes_per_second ?? 0 })),
  ),
);
