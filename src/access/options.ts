import * as v from 'valibot';
import { block, expected, notYet, text } from '../options.ts';

const file = (description: string) => v.pipe(v.optional(text(/./, 'a file name')), v.description(description));

const either = 'bearer_token_file or basic_htpasswd_file, one of them';

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
      client_subjects: notYet(),
    }),
    v.check((raw) => {
      const files = [raw.bearer_token_file, raw.basic_htpasswd_file].filter((it) => it !== undefined);
      return files.length === 1;
    }, expected(either)),
    v.transform((raw) => ({
      ...(raw.bearer_token_file !== undefined && { bearerTokenFile: raw.bearer_token_file }),
      ...(raw.basic_htpasswd_file !== undefined && { basicHtpasswdFile: raw.basic_htpasswd_file }),
    })),
  );

/** What the boot file says of who may come in at a port. */
export type AuthConfig = v.InferOutput<ReturnType<typeof authOptions>>;
