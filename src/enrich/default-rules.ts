import type { RedactRule } from './rule.ts';

const words = (text: string): string[] => text.trim().split(/\s+/);

/** The rules that have names in the boot file. Each pattern is linear: what senders write must not cost more than its length. */
export const builtInRules = {
  not_secret: {
    name: 'not_secret',
    keep: words('*secret.name *secret.arn *secret.version *.count *.length'),
  },
  credential_headers: {
    name: 'credential_headers',
    keys: words(`authorization *.authorization *proxy-authorization
      cookie *.cookie cookies *.cookies *set-cookie`),
  },
  secret_keys: {
    name: 'secret_keys',
    keys: words(`*password* *passwd* pwd *.pwd *passphrase* *secret* *credentials token *.token id_token *.id_token
      *access_token* *refresh_token* *auth_token* *bearer_token* *session_token* *security_token* *csrf_token*
      *api_key* *private_key* *access_key*`),
  },
  query_parameters: {
    name: 'query_parameters',
    query: words(`*password* *passwd* pwd pass *passphrase* *secret* credentials token id_token jwt
      *access_token* *refresh_token* *auth_token* *session_token* *security_token* *csrf_token*
      *api_key* *private_key* *access_key* sig *signature x-amz-credential x-goog-credential`),
  },
  url_userinfo: { name: 'url_userinfo', userinfo: true },
  authorization_values: {
    name: 'authorization_values',
    // A bearer token has a digit or is long. Basic credentials are base64 with an encoded colon at one of three offsets;
    // so "Basic authentication failed" stays readable.
    pattern:
      '(?i)(?<=\\bbearer {1,4})(?:[\\w.~+/-]*\\d[\\w.~+/-]*|[\\w.~+/-]{16,})=*' +
      '|(?<=\\bbasic {1,4})(?-i:(?:[\\w+/]{4})*(?:O[g-v]|[\\w+/][DTjz][o-r]|[\\w+/]{2}[AEIMQUYcgkosw048]6))[\\w+/]*=*',
    contains: ['bearer ', 'basic '],
  },
  json_web_tokens: {
    name: 'json_web_tokens',
    pattern: '(?<![\\w-])eyJ[\\w-]{8,}(?:\\.[\\w-]*){2,4}',
    contains: ['eyJ'],
  },
  service_keys: {
    name: 'service_keys',
    pattern:
      '(?<![\\w-])(?:(?:AKIA|ASIA)[A-Z2-7]{16}|AIza[\\w-]{35}|gh[pousr]_\\w{36,}|github_pat_\\w{30,}' +
      '|xox[abeprs]-[\\w-]{10,}|[rs]k_live_\\w{16,})(?![\\w-])' +
      '|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)',
    contains: words('AKIA ASIA AIza ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ xox k_live_ -----BEGIN'),
  },
  card_numbers: { name: 'card_numbers', pattern: '(?<![\\w.-])\\d(?:[ -]?\\d){12,18}(?![\\w-])', luhn: true },
} satisfies Record<string, RedactRule>;

export type BuiltInName = keyof typeof builtInRules;

/** Card numbers are not among them: identifiers of as many digits are more common, and one in ten passes the check. */
export const defaultRules: readonly RedactRule[] = Object.values(builtInRules).filter(
  (rule) => rule.name !== 'card_numbers',
);
