import type { RedactRule } from './rule.ts';
import { serviceKeys } from './service-keys.ts';

const words = (text: string): string[] => text.trim().split(/\s+/);

/**
 * The rules that have names in the boot file. Each expression is linear: what senders write must not cost more than its
 * length.
 */
export const builtInRules = {
  not_secret: {
    name: 'not_secret',
    keep: words('*secret.name *secret.arn *secret.version *.count *.length'),
  },
  credential_headers: { name: 'credential_headers', words: 'headers' },
  secret_keys: { name: 'secret_keys', words: 'keys' },
  url_userinfo: { name: 'url_userinfo', userinfo: true },
  query_parameters: { name: 'query_parameters', words: 'values' },
  authorization_values: {
    name: 'authorization_values',
    // A bearer token has a digit or is long. Basic credentials are base64 with an encoded colon at one of three
    // offsets; so "Basic authentication failed" stays readable.
    expression:
      '(?i)(?<=\\bbearer(?: {1,4}|%20|\\+))(?:[\\w.~+/-]*\\d[\\w.~+/-]*|[\\w.~+/-]{16,})=*' +
      '|(?<=\\bbasic(?: {1,4}|%20|\\+))(?-i:(?:[\\w+/]{4})*(?:O[g-v]|[\\w+/][DTjz][o-r]|[\\w+/]{2}[AEIMQUYcgkosw048]6))[\\w+/]*=*',
    contains: ['bearer ', 'bearer%20', 'bearer+', 'basic ', 'basic%20', 'basic+'],
  },
  json_web_tokens: {
    name: 'json_web_tokens',
    expression: '(?:(?<![\\w-])|(?<=%[0-9A-Fa-f]{2}|\\\\[nrt]))eyJ[\\w-]{8,}(?:\\.[\\w-]*){1,4}',
    contains: ['eyJ'],
  },
  service_keys: {
    name: 'service_keys',
    ...serviceKeys,
  },
  card_numbers: { name: 'card_numbers', expression: '(?<![\\w.-])\\d(?:[ -]?\\d){12,18}(?![\\w-])', luhn: true },
} satisfies Record<string, RedactRule>;

export type BuiltInName = keyof typeof builtInRules;

/** Card numbers are not among them: identifiers of as many digits are more common, and one in ten passes the check. */
export const defaultRules: readonly RedactRule[] = Object.values(builtInRules).filter(
  (rule) => rule.name !== 'card_numbers',
);
