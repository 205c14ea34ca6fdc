import * as v from 'valibot';
import { block, expected, someOf, text } from '../options.ts';

const file = (description: string) => v.pipe(v.optional(text(/./, 'a file name')), v.description(description));

const subject = text(
  /^(?:\*\.)?[^\s*]+$/,
  "a client certificate's name, such as shop.example, *.shop.example or spiffe://prod/shop",
);

const either = 'bearer_token_file or basic_htpasswd_file, not both, or client_subjects, or it and one of them';

const words = {
  receive:
    'who may send: a line NAME: TOKEN each, `tenant=NAME` behind it where it is one tenant’s; read again while it runs',
  admin: 'who may ask: a line NAME: TOKEN each, behind it metrics, read or change where it may do that alone',
} as const;

/** `auth:` of a port. Paths as written; absent: that is not asked for. */
export const authOptions = (port: 'receive' | 'admin') =>
  v.pipe(
    block({
      bearer_token_file: file(words[port]),
      basic_htpasswd_file: file('who may, as users with passwords: lines USER:HASH as htpasswd -B writes them'),
      client_subjects: v.pipe(
        v.optional(someOf(subject)),
        v.description(
          'names of client certificates that may, one must fit: common name, DNS name or URI; `*.` in front for one label; needs tls.client_ca_file',
        ),
      ),
    }),
    v.check((raw) => {
      const files = [raw.bearer_token_file, raw.basic_htpasswd_file].filter((it) => it !== undefined);
      return files.length === 1 || (files.length === 0 && raw.client_subjects !== undefined);
    }, expected(either)),
    v.transform((raw) => ({
      ...(raw.bearer_token_file !== undefined && { bearerTokenFile: raw.bearer_token_file }),
      ...(raw.basic_htpasswd_file !== undefined && { basicHtpasswdFile: raw.basic_htpasswd_file }),
      ...(raw.client_subjects && { clientSubjects: raw.client_subjects }),
    })),
  );

/** Nobody could come in: without an authority there are no certificates whose names could count. */
export const isUnreachable = (
  auth: AuthConfig | undefined,
  tls: { readonly files: { readonly client_ca_file?: string } } | undefined,
): boolean => auth?.clientSubjects !== undefined && tls?.files.client_ca_file === undefined;
export const unreachable = 'client_subjects without tls.client_ca_file: nobody could come in; expected both';

/** What the boot file says of who may come in at a port. */
export type AuthConfig = v.InferOutput<ReturnType<typeof authOptions>>;
